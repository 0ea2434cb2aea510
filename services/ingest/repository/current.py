"""The second stage of a batch: routers, peers and routes as they are now."""

from __future__ import annotations

import json
from functools import singledispatch
from typing import TYPE_CHECKING

from services.ingest import metrics
from services.ingest.changes import (
    PeerCameUp,
    PeerWentDown,
    RouterConnected,
    RouterDisconnected,
    RouterNamed,
    StatisticsReported,
    TableComplete,
)
from services.ingest.repository.copying import note_batch
from services.ingest.repository.routes import NLRI, PREFIX
from services.ingest.repository.values import moment, storable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from services.ingest.batch import Batch
    from services.ingest.changes import Change, Word
    from services.ingest.database import Conn

_TAKEN_OVER = """
SELECT DISTINCT peer_id FROM rib.peer_rib JOIN rib.peer USING (peer_id)
 WHERE rib_id = ANY ($2::int4[]) AND writer_id IS DISTINCT FROM $1
"""

_RIBS = "SELECT rib_id FROM rib.peer_rib WHERE peer_id = $1 ORDER BY rib_id FOR NO KEY UPDATE"
_COMPLETE = """
UPDATE rib.peer_rib SET complete_session = $2, complete_at = $3, is_loading = false
 WHERE peer_id = $1 AND ($4::int4 IS NULL OR family = $4 AND view = $5)
   AND (complete_session IS NULL OR complete_session < $2)
RETURNING rib_id
"""

TABLES = (PREFIX, NLRI)
STAGING = PREFIX.staging + NLRI.staging


async def write(conn: Conn, writer_id: int, batch: Batch) -> set[int]:
    """Writes a batch's changes and routes; gives the peers that another writer has taken over.

    A router that connects anew may land at another process while its last connection still has
    something to say: of those routes, what the new connection says counts.
    """
    for change in (*batch.before_routes, *batch.words.values()):
        await _apply(change, conn, writer_id)
    late = await PREFIX.write(conn, writer_id, batch.routes)
    late += await NLRI.write(conn, writer_id, batch.nlri_routes)
    completed: dict[int, int] = {}
    for change in batch.after_routes:
        if isinstance(change, TableComplete):
            at = moment(change.time_us)
            of = change.peer_id, change.session, at, change.family, change.view
            completed |= await complete(conn, *of)
        else:
            # What a table lacks was gone before its session ended.
            await end_unsaid(conn, completed)
            completed = {}
            await _apply(change, conn, writer_id)
    await end_unsaid(conn, completed)
    if batch.received:
        await conn.executemany(
            "UPDATE rib.router SET last_message_at = $2 WHERE router_id = $1",
            [(router_id, moment(time_us)) for router_id, time_us in batch.received.items()],
        )
    await note_batch(conn, "current", writer_id, batch)
    if not late:
        return set()
    metrics.LATE.inc(late)
    ribs = [*batch.routes.ribs(), *batch.nlri_routes.ribs()]
    return {row["peer_id"] for row in await conn.fetch(_TAKEN_OVER, writer_id, ribs)}


@singledispatch
async def _apply(change: Change | Word, _conn: Conn, _writer_id: int) -> None:
    """Writes one change of a router or of a peer."""
    raise TypeError(f"no statement for {type(change).__name__}")


@_apply.register(RouterConnected)
async def _(change: RouterConnected, conn: Conn, writer_id: int) -> None:
    await conn.execute(
        "INSERT INTO rib.connection (writer_id, connection_id, router_id, since) "
        "VALUES ($1, $2, $3, $4)",
        writer_id,
        change.connection_id,
        change.router_id,
        moment(change.time_us),
    )


@_apply.register(RouterNamed)
async def _(change: RouterNamed, conn: Conn, _writer_id: int) -> None:
    await conn.execute(
        "UPDATE rib.router SET sys_name = $2, sys_descr = $3 WHERE router_id = $1",
        change.router_id,
        storable(change.sys_name),
        storable(change.sys_descr),
    )


@_apply.register(RouterDisconnected)
async def _(change: RouterDisconnected, conn: Conn, writer_id: int) -> None:
    await conn.execute(
        "DELETE FROM rib.connection WHERE writer_id = $1 AND connection_id = $2",
        writer_id,
        change.connection_id,
    )
    await conn.execute(
        """
        UPDATE rib.peer AS p SET state = 'lost', since = $3
          FROM unnest($1::int4[], $2::int4[]) AS fed(peer_id, session)
         WHERE p.peer_id = fed.peer_id AND p.session = fed.session AND p.state = 'up'
        """,
        list(change.sessions.keys()),
        list(change.sessions.values()),
        moment(change.time_us),
    )


@_apply.register(PeerCameUp)
async def _(change: PeerCameUp, conn: Conn, writer_id: int) -> None:
    await conn.execute(
        """
        UPDATE rib.peer
           SET session = $2, state = 'up', since = $3, asn = $4, bgp_id = $5::text::inet,
               is_inferred = $6, table_name = $7, local_address = $8::text::inet, local_port = $9,
               remote_port = $10, hold_time = $11, capabilities = $12::text::jsonb,
               local_asn = $13, writer_id = $14
         WHERE peer_id = $1 AND session <= $2
        """,
        change.peer_id,
        change.session,
        moment(change.time_us),
        change.asn,
        change.bgp_id,
        change.is_inferred,
        storable(change.table_name),
        change.local_address,
        change.local_port,
        change.remote_port,
        change.hold_time,
        json.dumps(change.capabilities),
        change.local_asn,
        writer_id,
    )
    if change.local_asn is not None:
        await conn.execute(
            "UPDATE rib.router SET asn = $2, bgp_id = $3::text::inet WHERE router_id = "
            "(SELECT router_id FROM rib.peer WHERE peer_id = $1) "
            "AND (asn, bgp_id) IS DISTINCT FROM ($2::int8, $3::text::inet)",
            change.peer_id,
            change.local_asn,
            change.local_bgp_id,
        )


@_apply.register(PeerWentDown)
async def _(change: PeerWentDown, conn: Conn, _writer_id: int) -> None:
    at, reason = moment(change.time_us), storable(change.reason)
    await bring_down(conn, change.peer_id, change.session, at, change.reason_code, reason)


async def bring_down(
    conn: Conn, peer_id: int, session: int, at: datetime, code: int | None, reason: str | None
) -> None:
    """A session has ended with a Peer Down, and its routes with it."""
    await conn.execute(
        """
        UPDATE rib.peer
           SET state = 'down', since = $3, down_at = $3, down_code = $4, down_reason = $5
         WHERE peer_id = $1 AND session = $2
        """,
        peer_id,
        session,
        at,
        code,
        reason,
    )
    ribs = [row["rib_id"] for row in await conn.fetch(_RIBS, peer_id)]
    for table in TABLES:
        await table.said_again.bring_down(conn, ribs, session)
    # What a newer session's complete table has is not of this one any more.
    await conn.execute(
        "UPDATE rib.peer_rib SET valid_session = $2 WHERE peer_id = $1 AND valid_session < $2 "
        "AND (complete_session IS NULL OR complete_session < $2)",
        peer_id,
        session + 1,
    )


async def complete(
    conn: Conn, peer_id: int, session: int, at: datetime, family: int | None, view: int | None
) -> dict[int, int]:
    """A session has said all of a table, or of all tables; gives the RIBs, each with the session.

    What they lack is gone with `end_unsaid`.
    """
    completed = await conn.fetch(_COMPLETE, peer_id, session, at, family, view)
    return {row["rib_id"]: session for row in completed}


async def end_unsaid(conn: Conn, completed: Mapping[int, int]) -> None:
    """What complete tables lack is gone: of RIBs, by id, what these sessions did not say."""
    if completed:
        for table in TABLES:
            await table.said_again.end_unsaid(conn, completed)


@_apply.register(StatisticsReported)
async def _(change: StatisticsReported, conn: Conn, _writer_id: int) -> None:
    # In the order of the key, so that two writers never wait for each other. As text: a gauge
    # has 64 bits without a sign.
    places = sorted(change.values, key=lambda place: (place[0], place[1] or 0))
    await conn.execute(
        """
        INSERT INTO rib.peer_statistic AS s (peer_id, type, family, value, at)
        SELECT $1, type, family, value::numeric, $5
          FROM unnest($2::int4[], $3::int4[], $4::text[]) AS reported(type, family, value)
            ON CONFLICT (peer_id, type, family) DO UPDATE
           SET value = EXCLUDED.value, at = EXCLUDED.at
         WHERE s.at <= EXCLUDED.at
        """,
        change.peer_id,
        [kind for kind, _ in places],
        [family for _, family in places],
        [str(change.values[place]) for place in places],
        moment(change.time_us),
    )
