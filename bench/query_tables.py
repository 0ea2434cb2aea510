"""The prefixes of a full table and the sets of path attributes that its routes have.

Numbers that look like chance come from a hash of a row's number, so they are the same every time.
The shape is that of tables of 2025: six IPv4 prefixes in ten are a /24, half of the IPv6 ones
a /48; space is crowded in some /16 and empty in others; some origins have thousands of prefixes
and most a few; a route passes one of twelve large networks, and of the others most are rare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.query_world import END

if TYPE_CHECKING:
    from bench.query_world import Size
    from services.ingest.database import Conn

_CHANCE = """
CREATE FUNCTION bench.chance(int8, int8) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (hashint8extended($1, $2) & 9007199254740991)::float8 / 9007199254740992.0 $$
"""

# Which prefix is the n-th of those that change: spread over the whole table.
_CHURNING = """
CREATE FUNCTION bench.churning(int8) RETURNS int4 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (1 + ($1 * 48271) % {prefixes})::int4 $$
"""
_ATTRIBUTES_NUMBER = """
CREATE FUNCTION bench.attributes(peer int4, origin_group int4, way int4) RETURNS int8
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT hashint8extended(($1 * 4 + $3) * 100000::int8 + $2, 77) $$
"""

_PREFIXES = """
CREATE UNLOGGED TABLE bench.prefix AS
WITH ipv4 AS (
    SELECT i, (256 + floor(56832 * bench.chance(i, 1) ^ 1.7)::int8 * 40507 % 56832) * 65536
              + floor(65536 * bench.chance(i, 2))::int8 AS address,
           (ARRAY[24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8])
               [1 + width_bucket(bench.chance(i, 3), ARRAY[.63, .72, .83, .88, .925, .951, .965,
                    .974, .9927, .9955, .9975, .9986, .9993, .9996, .9998, .9999])] AS length
      FROM generate_series(1, {ipv4} * 2) AS i
), ipv6 AS (
    SELECT i, format('%s:%s:%s:%s::',
                     (ARRAY['2a00', '2001', '2400', '2600', '2804', '2a02', '2604', '2404', '2a03',
                            '2607', '2a0d', '2620', '2800', '2c0f'])
                         [1 + floor(14 * bench.chance(i, 11) ^ 1.5)::int4],
                     to_hex(floor(65536 * bench.chance(i, 12) ^ 2.2)::int4),
                     to_hex(floor(65536 * bench.chance(i, 13))::int4),
                     to_hex(floor(65536 * bench.chance(i, 14))::int4))::inet AS address,
           (ARRAY[48, 32, 44, 40, 36, 46, 29, 47, 42, 45, 33, 35, 64])
               [1 + width_bucket(bench.chance(i, 15), ARRAY[.47, .6, .71, .81, .86, .9, .92, .94,
                    .96, .975, .985, .99])] AS length
      FROM generate_series(1, {ipv6} * 3) AS i
), chosen AS (
    (SELECT network(set_masklen('0.0.0.0'::inet + address, length))::cidr AS prefix, min(i) AS i
       FROM ipv4 WHERE address >> 24 NOT IN (10, 127)
      GROUP BY 1 ORDER BY min(i), 1 LIMIT {ipv4})
    UNION ALL
    (SELECT network(set_masklen(address, length))::cidr, min(i) + 10000000
       FROM ipv6 GROUP BY 1 ORDER BY min(i), 1 LIMIT {ipv6})
)
SELECT row_number() OVER (ORDER BY i, prefix)::int4 AS number, prefix,
       CASE family(prefix)
            WHEN 4 THEN floor({ipv4_groups} * bench.chance(
                hashtext(network(set_masklen(prefix::inet, least(18, masklen(prefix))))::text), 21)
                ^ 2)
            ELSE {ipv4_groups} + floor(({groups} - {ipv4_groups}) * bench.chance(
                hashtext(network(set_masklen(prefix::inet, least(32, masklen(prefix))))::text), 22)
                ^ 2)
       END::int4 AS origin_group
  FROM chosen
"""

# Every group has one way for each peer, those of prefixes that change have two or four.
_WAYS = """
CREATE UNLOGGED TABLE bench.way AS
WITH restless AS (
    SELECT p.origin_group, max(CASE WHEN n < {restless} THEN 3 ELSE 1 END) AS last_way
      FROM generate_series(0, {churning} - 1) AS n
      JOIN bench.prefix AS p ON p.number = bench.churning(n)
     GROUP BY p.origin_group
), ways AS (
    SELECT peer, g AS origin_group, way, g * 100::int8 + peer * 10 + way AS n
      FROM generate_series(1, {full_tables}) AS peer, generate_series(0, {groups} - 1) AS g
      LEFT JOIN restless ON restless.origin_group = g,
           generate_series(0, coalesce(last_way, 0)) AS way
)
SELECT peer, origin_group, way, n, bench.attributes(peer, origin_group, way) AS attr_id,
       (1000 + origin % 40000 * 37 % 63000
        + CASE WHEN origin % 10 < 3 THEN 196608 ELSE 0 END)::int8 AS origin_asn,
       (ARRAY[3356, 1299, 174, 2914, 3257, 6939, 6461, 6453, 3491, 5511, 6762, 7018])[size]
           AS large, 2000 + rank * 29 AS other, CASE WHEN bench.chance(n, 35) < .2
           THEN 2000 + floor(2000 * bench.chance(n, 36))::int4 * 29 END AS another,
       (bench.chance(origin_group, 37) < .55) AS is_indirect,
       CASE WHEN bench.chance(n, 38) < .1 THEN 2 ELSE 0 END AS prepended
  FROM (SELECT *, floor(40000 * bench.chance(origin_group, 31) ^ 1.5)::int4 AS origin,
               1 + floor(12 * bench.chance(n, 32) ^ 1.3)::int4 AS size,
               floor(2000 * bench.chance(origin_group * 4 + way, 33) ^ 2)::int4 AS rank
          FROM ways) AS w
"""

_ATTRIBUTES = """
INSERT INTO rib.path_attributes (attr_id, origin_asn, med, aggregator_asn, last_used, origin,
       atomic_aggregate, next_hop, aggregator_id, as_path, communities, large_communities)
SELECT attr_id, origin_asn,
       CASE WHEN bench.chance(n, 41) < .2 THEN floor(100 * bench.chance(n, 42)) END,
       CASE WHEN bench.chance(n, 43) < .08 THEN origin_asn END, $1,
       CASE WHEN bench.chance(n, 44) < .15 THEN 2 ELSE 0 END, bench.chance(n, 45) < .04,
       CASE WHEN origin_group < {ipv4_groups} THEN '198.51.100.0'::inet
            ELSE '2001:db8:51:100::'::inet END + peer,
       CASE WHEN bench.chance(n, 43) < .08 THEN '203.0.113.0'::inet + n % 250 END,
       array_remove(ARRAY[64500 + peer, large, CASE WHEN is_indirect THEN other END,
                          CASE WHEN is_indirect THEN another END]::int8[], NULL)
           || array_fill(origin_asn, ARRAY[1 + prepended]),
       ARRAY(SELECT community FROM (VALUES
           ((64500 + peer) * 65536::int8 + 100),
           ((64500 + peer) * 65536::int8 + 1000 + floor(16 * bench.chance(n, 51) ^ 2)::int8),
           ((64500 + peer) * 65536::int8 + 2000 + large % 100),
           (large * 65536::int8 + floor(20 * bench.chance(n, 52) ^ 2)::int8),
           (CASE WHEN bench.chance(n, 53) < .6
                 THEN large * 65536::int8 + 500 + floor(60 * bench.chance(n, 54) ^ 2)::int8 END),
           (CASE WHEN is_indirect AND bench.chance(n, 55) < .7
                 THEN other * 65536::int8 + 100 + floor(300 * bench.chance(n, 56) ^ 2)::int8 END),
           (CASE WHEN bench.chance(n, 57) < .25
                 THEN (origin_asn & 65535) * 65536::int8 + floor(1000 * bench.chance(n, 58))::int8
            END),
           (CASE WHEN bench.chance(n, 59) < .05 THEN 65000 * 65536::int8 + n % 65536 END),
           (CASE WHEN bench.chance(n, 60) < .002 THEN 65535 * 65536::int8 + 666 END)
       ) AS said(community) WHERE community IS NOT NULL),
       CASE WHEN bench.chance(n, 61) < .1
            THEN ARRAY[format('%s:1:%s', origin_asn, floor(50 * bench.chance(n, 62)))] END
  FROM bench.way
"""


async def write(conn: Conn, size: Size) -> None:
    """Writes the attributes; leaves the prefixes in `bench.prefix`."""
    for statement in (_CHANCE, _CHURNING, _ATTRIBUTES_NUMBER, _PREFIXES, _WAYS):
        await conn.execute(statement.format(**size.values))
    await conn.execute("CREATE UNIQUE INDEX ON bench.prefix (number)")
    await conn.execute("ANALYZE bench.prefix")
    await conn.execute(_ATTRIBUTES.format(**size.values), END.date())
