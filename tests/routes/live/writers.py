"""Writers made up for a test: batches of rows and their progress, committed as ingest does it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from services.ingest.repository import partitions

if TYPE_CHECKING:
    import asyncpg

    Conn = asyncpg.Connection[Any]

_PEER = """
WITH router AS (INSERT INTO rib.router (address, first_seen) VALUES ($1::text::inet, now())
                RETURNING router_id),
     peer AS (INSERT INTO rib.peer (router_id, peer_type, distinguisher, address, asn)
              SELECT router_id, 0, '0:0', $1::text::inet, 64501 FROM router RETURNING peer_id)
INSERT INTO rib.peer_rib (peer_id, family, view, has_path_ids)
SELECT peer_id, 257, 0, false FROM peer RETURNING rib_id
"""
_PROGRESS = """
INSERT INTO rib.progress AS p (writer_id, stage, last_batch, last_seq, routes, committed_at)
VALUES ($1, 'history', 1, $2, $3, clock_timestamp())
ON CONFLICT (writer_id, stage) DO UPDATE
   SET last_batch = p.last_batch + 1, last_seq = EXCLUDED.last_seq,
       routes = p.routes + EXCLUDED.routes, committed_at = EXCLUDED.committed_at
"""


class Writer:
    """One writer with a router of its own. It withdraws prefixes, or announces them, none twice."""

    def __init__(self, number: int, rib_id: int) -> None:
        self.number = number
        self.rib_id = rib_id
        self.seq = number << 40
        self.attr_id: int | None = None
        """Of what it announces; None: it withdraws."""
        self.written: list[str] = []
        """What is committed, in its order."""

    async def commit(
        self, conn: Conn, updates: int, *, routes: int = 1, ago: timedelta = timedelta(0)
    ) -> None:
        """A batch of so many UPDATEs."""
        at = datetime.now(UTC) - ago
        rows, prefixes = [], []
        for number in range(updates):
            self.seq += 1
            for _ in range(routes):
                count = len(self.written) + len(prefixes)
                prefixes.append(f"{self.number}.{count >> 16}.{count >> 8 & 255}.{count & 255}/32")
                time = at + timedelta(microseconds=number)
                rows.append((self.seq, time, self.rib_id, 1, prefixes[-1], self.attr_id))
        async with conn.transaction():
            await conn.executemany(
                "INSERT INTO rib.route_event (seq, time, rib_id, session, prefix, attr_id)"
                " VALUES ($1, $2, $3, $4, $5::text::cidr, $6)",
                rows,
            )
            await conn.execute(_PROGRESS, self.number, self.seq, len(rows))
        self.written += prefixes


async def announce_much(conn: Conn, one: Writer) -> None:
    """Lets it announce with so many communities that a message has about 6 kB."""
    one.attr_id = 1
    await conn.execute(
        "INSERT INTO rib.path_attributes"
        " (attr_id, last_used, atomic_aggregate, next_hop, as_path, communities)"
        " VALUES (1, now(), false, '192.0.2.1', '{64501}', $1)",
        [0xFFFFFFFF - number for number in range(500)],
    )


async def writer(conn: Conn, number: int) -> Writer:
    """A writer that has written nothing."""
    async with conn.transaction():
        await partitions.make_ahead(conn)
    return Writer(number, await conn.fetchval(_PEER, f"192.0.2.{number}"))
