"""Who is in the big store, and what happened to their sessions in its thirty days.

Five peers have a full table each; two route reflectors tell the same EVPN fabric, and one peer
has VPN routes. All of it is made up, and the same every time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.ingest.database import Conn

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
END = START + timedelta(days=DAYS)

FULL_TABLES = 5


class Size(NamedTuple):
    """How much there is of what. A group of prefixes shares its origin and its way there."""

    ipv4: int = 830_000
    ipv6: int = 185_000
    ipv4_groups: int = 36_500
    """The first of all groups."""
    groups: int = 46_000
    churning: int = 20_000
    """Prefixes that change at all."""
    restless: int = 500
    """The first of those, which take four paths and not two."""
    changes: int = 3_000_000
    macs: int = 10_000
    moves: int = 4_000
    vpn_routes: int = 20_000

    @property
    def prefixes(self) -> int:
        """Of both families."""
        return self.ipv4 + self.ipv6

    @property
    def values(self) -> dict[str, int]:
        """By name, for statements."""
        return {**self._asdict(), "prefixes": self.prefixes, "full_tables": FULL_TABLES}


IPV4, IPV6, EVPN, VPNV4 = 0x0101, 0x0201, 0x1946, 0x0180
REFLECTORS = (6, 7)
VPN_PEER = 8
WRITER = 1

LOAD = timedelta(minutes=4)
"""How long after its Peer Up a table is complete."""


class Session(NamedTuple):
    """A life of a peer's session; `ended` by a Peer Down, or `lost` with the BMP connection."""

    peer: int
    number: int
    began: datetime
    ended: datetime | None = None
    is_lost: bool = False

    @property
    def complete(self) -> datetime:
        """When its End-of-RIB came."""
        return self.began + LOAD


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    return START + timedelta(days=day, hours=hour, minutes=minute)


def _lives(peer: int, *breaks: tuple[datetime, datetime, bool]) -> Iterator[Session]:
    began = START + timedelta(milliseconds=peer)
    for number, (ended, again, is_lost) in enumerate(breaks, 1):
        yield Session(peer, number, began, ended, is_lost)
        began = again
    yield Session(peer, len(breaks) + 1, began)


_FLAPS = [(_at(day, 5, day), _at(day, 5, day + 2), False) for day in range(3, 30, 3)]
_BREAKS = {
    2: [(_at(10, 3), _at(10, 3, 10), False)],
    4: [(_at(20, 14), _at(20, 14, 2), True)],
    VPN_PEER: _FLAPS,
}
SESSIONS = [
    session for peer in range(1, VPN_PEER + 1) for session in _lives(peer, *_BREAKS.get(peer, []))
]


class Rib(NamedTuple):
    """One RIB of a peer."""

    number: int
    peer: int
    family: int


RIBS = [
    *(
        Rib(2 * peer - 1 + place, peer, family)
        for peer in range(1, FULL_TABLES + 1)
        for place, family in enumerate((IPV4, IPV6))
    ),
    *(Rib(5 + peer, peer, EVPN) for peer in REFLECTORS),
    Rib(13, VPN_PEER, VPNV4),
]

# Sequence numbers count messages. Here they count the tens of microseconds since the start, in
# which there is never more than one: 2^40 of them are 127 days.
_SEQ = """
CREATE FUNCTION bench.seq(timestamptz) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT {first}::int8 + (extract(epoch FROM $1 - '{start}'::timestamptz) * 100000)::int8 $$
"""

_ROUTERS = """
INSERT INTO rib.router (router_id, asn, address, bgp_id, sys_name, sys_descr, first_seen,
                        last_message_at)
SELECT n, 64500, '192.0.2.0'::inet + n, '192.0.2.0'::inet + n, 'edge-' || n, 'made up',
       $1::timestamptz, $2::timestamptz
  FROM generate_series(1, 3) AS n
"""
# Peers 1 to 3 are of the first router, 4 of the second, the others of the third.
_PEERS = """
INSERT INTO rib.peer (peer_id, router_id, peer_type, distinguisher, address, asn, bgp_id, sessions,
                      session, writer_id, state, since, local_asn, local_address, local_port,
                      remote_port, hold_time, capabilities)
SELECT n, CASE WHEN n < 4 THEN 1 WHEN n = 4 THEN 2 ELSE 3 END, 0, '0:0',
       '198.51.100.0'::inet + n, 64500 + n, '198.51.100.0'::inet + n, session, session, $1, 'up',
       began, 64500, '198.51.100.128'::inet + n, 179, 50000 + n, 90, '{}'
  FROM unnest($2::int4[], $3::int4[], $4::timestamptz[]) AS s(n, session, began)
"""
_RIBS = """
INSERT INTO rib.peer_rib (rib_id, peer_id, family, view, has_path_ids, valid_session,
                          complete_session, complete_at, is_loading)
VALUES ($1, $2, $3, 0, false, $4, $5, $6, false)
"""
_EVENT = """
INSERT INTO rib.peer_event (seq, time, router_time, peer_id, session, family, view, reason_code,
                            event, reason)
VALUES (bench.seq($1), $1, $1, $2, $3, $4, $5, $6, $7, $8)
"""
_SWEEP = """
INSERT INTO rib.sweep (seq, time, peer_id, session, family, view, is_down)
VALUES (bench.seq($1), $1, $2, $3, $4, $5, $6)
"""
_STATISTICS = """
INSERT INTO rib.peer_statistic (at, peer_id, type, family, value)
SELECT $1, n, 7, NULL, 1000000 + n FROM generate_series(1, 8) AS n
"""
# One that never falls silent: its peers stay up.
_WRITER = """
INSERT INTO rib.writer (writer_id, pid, host, started_at, alive_at)
VALUES ($1, 0, 'bench', $2, 'infinity')
"""
_PROGRESS = """
INSERT INTO rib.progress (writer_id, stage, last_batch, last_seq, routes, committed_at)
SELECT $1, stage, 1, bench.seq($2), 10000000, $2
  FROM unnest('{history,current}'::text[]) AS stage
"""
_IDENTITIES = (
    ("router", "router_id"),
    ("peer", "peer_id"),
    ("peer_rib", "rib_id"),
    ("writer", "writer_id"),
)
_NEXT = "SELECT setval(pg_get_serial_sequence('rib.{0}', '{1}'), max({1})) FROM rib.{0}"


def peer_events() -> Iterator[tuple[object, ...]]:
    """The rows of `rib.peer_event`: time, peer, session, family, view, code, event, reason."""
    for session in SESSIONS:
        at = (session.peer, session.number)
        yield session.began, *at, None, None, None, "up", None
        for time, family in _ends(session):
            yield time, *at, family, 0, None, "end_of_rib", None
        if session.ended is None:
            continue
        if session.is_lost:
            yield session.ended, *at, None, None, None, "lost", "the connection was reset"
        else:
            yield session.ended, *at, None, None, 1, "down", "hold timer expired"


def sweeps() -> Iterator[tuple[object, ...]]:
    """The rows of `rib.sweep`: time, peer, oldest session that counts, family, view, is_down."""
    for session in SESSIONS:
        for time, family in _ends(session):
            yield time, session.peer, session.number, family, 0, False
        if session.ended is not None and not session.is_lost:
            yield session.ended, session.peer, session.number + 1, None, None, True


def _valid(peer: int) -> int:
    """The oldest session that counts: what a Peer Down ended does not."""
    downs = [one.number for one in SESSIONS if one.peer == peer and one.ended and not one.is_lost]
    return max(downs, default=-1) + 1


def _ends(session: Session) -> Iterator[tuple[datetime, int]]:
    families = (rib.family for rib in RIBS if rib.peer == session.peer)
    for place, family in enumerate(families):
        yield session.complete + timedelta(milliseconds=10 * place), family


async def write(conn: Conn) -> None:
    """Writes all but routes; schema `bench` holds what the others need."""
    newest = [max(s for s in SESSIONS if s.peer == peer) for peer in range(1, VPN_PEER + 1)]
    numbers, begun = [s.number for s in newest], [s.began for s in newest]
    await conn.execute(_SEQ.format(first=WRITER << 40, start=START))
    await conn.execute(_WRITER, WRITER, START)
    await conn.execute(_ROUTERS, START, END)
    await conn.execute(_PEERS, WRITER, [s.peer for s in newest], numbers, begun)
    ends = {(one.peer, family): (one.number, at) for one in newest for at, family in _ends(one)}
    await conn.executemany(
        _RIBS, [(*rib, _valid(rib.peer), *ends[rib.peer, rib.family]) for rib in RIBS]
    )
    await conn.executemany(_EVENT, list(peer_events()))
    await conn.executemany(_SWEEP, list(sweeps()))
    await conn.execute(_STATISTICS, END)
    await conn.execute(_PROGRESS, WRITER, END)
    for identity in _IDENTITIES:
        await conn.execute(_NEXT.format(*identity))
