"""Finishes what a dead writer began: what its history holds and the current RIB does not yet.

A batch goes into the history first, so a process that dies leaves up to two batches half written.
The history says all that it takes to write the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.repository.copying import try_take_over
from services.ingest.repository.current import TABLES, bring_down, complete, end_unsaid
from services.ingest.repository.routes import lock

if TYPE_CHECKING:
    import asyncpg

    from services.ingest.database import Conn
    from services.ingest.repository.routes import RouteTable

# `since`: a day is more than batches wait in earnest, and spares the search of years of history.
_UNFINISHED = """
SELECT h.writer_id, coalesce(c.last_seq, 0) AS written, h.last_seq, h.last_batch,
       coalesce(c.committed_at, h.committed_at) - interval '1 day' AS since
  FROM rib.progress AS h
  LEFT JOIN rib.progress AS c ON c.writer_id = h.writer_id AND c.stage = 'current'
 WHERE h.stage = 'history' AND h.last_seq > coalesce(c.last_seq, 0)
   AND NOT EXISTS (SELECT FROM rib.writer AS w WHERE w.writer_id = h.writer_id)
"""
_FINISHED = """
INSERT INTO rib.progress (writer_id, stage, last_seq, last_batch, committed_at)
VALUES ($1, 'current', $2, $3, clock_timestamp())
ON CONFLICT (writer_id, stage) DO UPDATE
   SET last_seq = EXCLUDED.last_seq, last_batch = EXCLUDED.last_batch,
       committed_at = EXCLUDED.committed_at
"""
_PEER_EVENTS = """
SELECT seq, time, peer_id, session, family, view, reason_code, event, reason
  FROM rib.peer_event WHERE seq > $1 AND seq <= $2 AND time >= $3 ORDER BY seq
"""
_CAME_UP = """
UPDATE rib.peer SET session = $2, state = 'up', since = $3, is_inferred = $4, writer_id = $5
 WHERE peer_id = $1 AND session <= $2
"""


async def finish(conn: Conn) -> int:
    """Brings what dead writers left unwritten into the current RIB; says of how many."""
    gaps = await conn.fetch(_UNFINISHED)
    # One that hangs and is not quite dead may still be at it: then another time.
    gaps = [gap for gap in gaps if await try_take_over(conn, gap["writer_id"])]
    if gaps:
        await conn.execute("".join(table.staging for table in TABLES))
        for gap in gaps:
            await _finish(conn, gap)
        await conn.execute("".join(table.unstaging for table in TABLES))
    return len(gaps)


async def _finish(conn: Conn, gap: asyncpg.Record) -> None:
    bounds = (gap["written"], gap["last_seq"], gap["since"])
    ribs = [rib for table in TABLES for rib in await _collect(conn, table, *bounds)]
    await lock(conn, ribs)
    at = gap["written"]
    for event in await conn.fetch(_PEER_EVENTS, *bounds):
        await _write_routes(conn, gap["writer_id"], at, event["seq"])
        await _apply(conn, gap["writer_id"], event)
        at = event["seq"]
    await _write_routes(conn, gap["writer_id"], at, gap["last_seq"])
    await conn.execute(_FINISHED, gap["writer_id"], gap["last_seq"], gap["last_batch"])
    for table in TABLES:
        await conn.execute(f"DROP TABLE unwritten_{table.event}")


async def _collect(
    conn: Conn, table: RouteTable, first: int, last: int, since: object
) -> list[int]:
    """Sets the events aside that the current RIB lacks; gives their RIBs."""
    name = f"unwritten_{table.event}"
    await conn.execute(f"CREATE TEMP TABLE {name} (LIKE rib.{table.event})")
    await conn.execute(
        f"INSERT INTO {name} SELECT * FROM rib.{table.event} "
        "WHERE seq > $1 AND seq <= $2 AND time >= $3",
        first,
        last,
        since,
    )
    return [row[0] for row in await conn.fetch(f"SELECT DISTINCT rib_id FROM {name}")]


async def _write_routes(conn: Conn, writer_id: int, after: int, upto: int) -> None:
    for table in TABLES:
        # A statement takes one event of each route, so the first of all come first.
        number = 1
        while await _stage(conn, table, after, upto, number):
            oldest = f"SELECT rib_id, min(session) FROM {table.stage} GROUP BY rib_id"
            sessions = {row[0]: row[1] for row in await conn.fetch(oldest)}
            await table.said_again.overtake(conn, sessions)
            await table.write_staged(conn, writer_id)
            await table.unstage(conn)
            number += 1


async def _stage(conn: Conn, table: RouteTable, after: int, upto: int, number: int) -> bool:
    columns = ", ".join(table.columns)
    status = await conn.execute(
        f"""
        INSERT INTO {table.stage} ({columns})
        SELECT {columns} FROM (
            SELECT *, row_number() OVER (PARTITION BY rib_id, path_id, {table.key}
                                         ORDER BY session, seq) AS number
              FROM unwritten_{table.event} WHERE seq > $1 AND seq <= $2) AS e
         WHERE number = $3
        """,
        after,
        upto,
        number,
    )
    return bool(status != "INSERT 0 0")


async def _apply(conn: Conn, writer_id: int, event: asyncpg.Record) -> None:
    peer_id, session, time = event["peer_id"], event["session"], event["time"]
    match event["event"]:
        case "up":
            is_inferred = event["reason"] is not None
            await conn.execute(_CAME_UP, peer_id, session, time, is_inferred, writer_id)
        case "down":
            await bring_down(conn, peer_id, session, time, event["reason_code"], event["reason"])
        case "end_of_rib" | "expired":
            of = peer_id, session, time, event["family"], event["view"]
            await end_unsaid(conn, await complete(conn, *of))
        case _:  # lost: as all are that a dead writer was fed
            return
