"""Everything that the ingest service says to the database.

Functions are handed a connection and never begin or commit: the caller owns the transaction.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import singledispatch
from typing import TYPE_CHECKING

from services.ingest.changes import (
    Change,
    PeerCameUp,
    PeerWentDown,
    RouterConnected,
    RouterDisconnected,
    RouterNamed,
)
from services.ingest.rows import ATTRIBUTE_COLUMNS, NO_PATH_ID, ROUTE_COLUMNS, copy_payload

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Iterable

    from services.ingest.batch import Batch
    from services.ingest.database import Conn

# Advisory locks taken with two keys: ours, and one for each writer.
_WRITER_LOCK = 0x6267

_STAGING = """
CREATE TEMP TABLE stage_attributes (LIKE rib.path_attributes) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_route (LIKE rib.route_event) ON COMMIT DELETE ROWS;
ALTER TABLE stage_route ALTER COLUMN seq DROP NOT NULL;
"""

_NEW_ATTRIBUTES = """
INSERT INTO rib.path_attributes SELECT * FROM stage_attributes ON CONFLICT DO NOTHING
"""

# A row of an older session never replaces one of a newer session: a connection that lingers
# after its router has opened another cannot undo what the newer one says.
_ANNOUNCE = """
INSERT INTO rib.route AS r (attr_id, path_id, first_seen, last_changed, last_confirmed,
                            peer_id, session, view, family, is_withdrawn, prefix)
SELECT attr_id, path_id, time, time, time, peer_id, session, view, family, false, prefix
  FROM stage_route WHERE attr_id IS NOT NULL
 ORDER BY prefix, peer_id, view, path_id
    ON CONFLICT (prefix, peer_id, view, path_id) DO UPDATE
   SET attr_id = EXCLUDED.attr_id, session = EXCLUDED.session, is_withdrawn = false,
       last_confirmed = EXCLUDED.last_confirmed,
       last_changed = CASE
           WHEN r.attr_id IS DISTINCT FROM EXCLUDED.attr_id OR r.is_withdrawn
           THEN EXCLUDED.last_changed ELSE r.last_changed END
 WHERE r.session <= EXCLUDED.session
"""

# A router may withdraw what it never announced (FRR does); that leaves no row.
_WITHDRAW = """
UPDATE rib.route AS r
   SET is_withdrawn = true, session = s.session, last_changed = s.time
  FROM stage_route AS s
 WHERE s.attr_id IS NULL AND r.prefix = s.prefix AND r.peer_id = s.peer_id
   AND r.view = s.view AND r.path_id = s.path_id AND r.session <= s.session
   AND NOT r.is_withdrawn
"""


# GoBGP dumps a view without path ids and then updates it with them (ADD-PATH): what comes with a
# path id takes the place of what was dumped without one.
_REPLACE_BY_PATH_ID = f"""
UPDATE rib.route AS r
   SET is_withdrawn = true, last_changed = s.time
  FROM stage_route AS s
 WHERE s.path_id <> {NO_PATH_ID} AND r.path_id = {NO_PATH_ID} AND r.prefix = s.prefix
   AND r.peer_id = s.peer_id AND r.view = s.view AND r.session = s.session AND NOT r.is_withdrawn
"""


async def start_writer(conn: Conn, writer_id: uuid.UUID) -> None:
    """Makes this connection the writer's own; waits until an earlier one of it is really gone.

    The wait matters after a lost connection: while the server still works on the batch that we
    sent, nobody can say whether it will be committed.
    """
    await conn.execute("SELECT pg_advisory_lock($1, hashtext($2))", _WRITER_LOCK, str(writer_id))
    await conn.execute(_STAGING)
    await conn.execute(
        "INSERT INTO rib.writer VALUES ($1, 0, 0, now(), NULL) ON CONFLICT DO NOTHING",
        writer_id,
    )


async def last_batch(conn: Conn, writer_id: uuid.UUID) -> int:
    """The number of the last batch that this writer committed; 0 for none."""
    number = await conn.fetchval(
        "SELECT last_batch FROM rib.writer WHERE writer_id = $1", writer_id
    )
    return int(number)


async def end_what_was_open(conn: Conn) -> int:
    """Marks as lost every session that an ingest service left behind; says how many."""
    await conn.execute("UPDATE rib.router SET connections = 0 WHERE connections > 0")
    # The newest one stays until we commit ourselves: it says how fresh the data is.
    await conn.execute(
        "DELETE FROM rib.writer WHERE committed_at < (SELECT max(committed_at) FROM rib.writer) "
        "OR committed_at IS NULL AND started_at < now() - interval '1 day'"
    )
    lost = await conn.fetchval(
        """
        WITH lost AS (
            UPDATE rib.peer SET state = 'lost', since = now() WHERE state = 'up'
            RETURNING peer_id, session
        ), noted AS (
            INSERT INTO rib.peer_event (time, peer_id, session, event, reason)
            SELECT now(), peer_id, session, 'lost', 'the ingest service restarted' FROM lost
        )
        SELECT count(*) FROM lost
        """
    )
    return int(lost)


async def register_router(conn: Conn, address: str) -> int:
    """The id of the router with this address, a new one if need be."""
    # Looked for first: an upsert takes a number of the sequence even where it finds a row.
    found = await conn.fetchval(
        "SELECT router_id FROM rib.router WHERE address = $1::text::inet", address
    )
    if found is None:
        found = await conn.fetchval(
            """
            INSERT INTO rib.router AS r (address, first_seen) VALUES ($1::text::inet, now())
            ON CONFLICT (address) DO UPDATE SET address = r.address RETURNING router_id
            """,
            address,
        )
    return int(found)


async def register_session(
    conn: Conn, router_id: int, peer_type: int, distinguisher: str, address: str, asn: int
) -> tuple[int, int]:
    """The peer's id and the number of a session of it that begins now."""
    identity = (router_id, peer_type, distinguisher, address)
    row = await conn.fetchrow(
        """
        UPDATE rib.peer SET sessions = sessions + 1
         WHERE router_id = $1 AND peer_type = $2 AND distinguisher = $3 AND address = $4::text::inet
        RETURNING peer_id, sessions
        """,
        *identity,
    )
    if row is None:
        row = await conn.fetchrow(
            """
            INSERT INTO rib.peer AS p (router_id, peer_type, distinguisher, address, asn, sessions)
            VALUES ($1, $2, $3, $4::text::inet, $5, 1)
            ON CONFLICT (router_id, peer_type, distinguisher, address)
            DO UPDATE SET sessions = p.sessions + 1 RETURNING peer_id, sessions
            """,
            *identity,
            asn,
        )
    if row is None:
        raise LookupError("the upsert of a peer returned no row")
    return int(row["peer_id"]), int(row["sessions"])


async def write_batch(conn: Conn, writer_id: uuid.UUID, batch: Batch) -> None:
    """Writes one batch: changes of routers and peers, attribute sets, history, current RIB."""
    for change in batch.changes:
        await apply(change, conn)
    if batch.received:
        await conn.executemany(
            "UPDATE rib.router SET last_message_at = $2 WHERE router_id = $1",
            [(router_id, _time(time_us)) for router_id, time_us in batch.received.items()],
        )
    if batch.attributes:
        await _copy(conn, "stage_attributes", ATTRIBUTE_COLUMNS, batch.attributes)
        await conn.execute(_NEW_ATTRIBUTES)
    if batch.events:
        await _copy(conn, "route_event", ROUTE_COLUMNS, batch.events, schema="rib")
        await _copy(conn, "stage_route", ROUTE_COLUMNS, batch.rib_rows())
        await conn.execute(_ANNOUNCE)
        await conn.execute(_WITHDRAW)
        if batch.has_path_ids:
            await conn.execute(_REPLACE_BY_PATH_ID)
    await conn.execute(
        "UPDATE rib.writer SET last_batch = $2, routes = routes + $3, "
        "committed_at = clock_timestamp() "
        "WHERE writer_id = $1",
        writer_id,
        batch.number,
        len(batch.events),
    )


async def _copy(
    conn: Conn,
    table: str,
    columns: tuple[str, ...],
    rows: Iterable[bytes],
    schema: str | None = None,
) -> None:
    async def payload() -> AsyncIterator[bytes]:
        yield copy_payload(rows)

    await conn.copy_to_table(
        table, schema_name=schema, columns=columns, source=payload(), format="binary"
    )


@singledispatch
async def apply(change: Change, _conn: Conn) -> None:
    """Writes one change of a router or of a peer."""
    raise TypeError(f"no statement for {type(change).__name__}")


@apply.register(RouterConnected)
async def _(change: RouterConnected, conn: Conn) -> None:
    await conn.execute(
        "UPDATE rib.router SET connections = connections + 1, connected_since = $2 "
        "WHERE router_id = $1",
        change.router_id,
        _time(change.time_us),
    )


@apply.register(RouterNamed)
async def _(change: RouterNamed, conn: Conn) -> None:
    await conn.execute(
        "UPDATE rib.router SET sys_name = $2, sys_descr = $3 WHERE router_id = $1",
        change.router_id,
        _storable(change.sys_name),
        _storable(change.sys_descr),
    )


@apply.register(RouterDisconnected)
async def _(change: RouterDisconnected, conn: Conn) -> None:
    await conn.execute(
        "UPDATE rib.router SET connections = greatest(connections - 1, 0) WHERE router_id = $1",
        change.router_id,
    )
    await conn.execute(
        """
        WITH fed AS (
            SELECT * FROM unnest($1::int4[], $2::int4[]) AS fed(peer_id, session)
        ), lost AS (
            UPDATE rib.peer AS p SET state = 'lost', since = $3 FROM fed
             WHERE p.peer_id = fed.peer_id AND p.session = fed.session AND p.state = 'up'
            RETURNING p.peer_id, p.session
        )
        INSERT INTO rib.peer_event (time, peer_id, session, event, reason)
        SELECT $3, peer_id, session, 'lost', $4 FROM lost
        """,
        list(change.sessions.keys()),
        list(change.sessions.values()),
        _time(change.time_us),
        change.reason,
    )


@apply.register(PeerCameUp)
async def _(change: PeerCameUp, conn: Conn) -> None:
    await conn.execute(
        """
        UPDATE rib.peer
           SET session = $2, state = 'up', since = $3, asn = $4, bgp_id = $5::text::inet,
               is_inferred = $6, table_name = $7, local_address = $8::text::inet, local_port = $9,
               remote_port = $10, hold_time = $11, capabilities = $12::text::jsonb
         WHERE peer_id = $1 AND session <= $2
        """,
        change.peer_id,
        change.session,
        _time(change.time_us),
        change.asn,
        change.bgp_id,
        change.is_inferred,
        _storable(change.table_name),
        change.local_address,
        change.local_port,
        change.remote_port,
        change.hold_time,
        json.dumps(change.capabilities),
    )
    reason = "inferred from its routes" if change.is_inferred else None
    await _note(conn, change, "up", None, reason)


@apply.register(PeerWentDown)
async def _(change: PeerWentDown, conn: Conn) -> None:
    await conn.execute(
        """
        UPDATE rib.peer
           SET state = 'down', since = $3, down_at = $3, down_code = $4, down_reason = $5
         WHERE peer_id = $1 AND session = $2
        """,
        change.peer_id,
        change.session,
        _time(change.time_us),
        change.reason_code,
        _storable(change.reason),
    )
    await _note(conn, change, "down", change.reason_code, change.reason)


async def _note(
    conn: Conn, change: PeerCameUp | PeerWentDown, event: str, code: int | None, reason: str | None
) -> None:
    await conn.execute(
        "INSERT INTO rib.peer_event (time, router_time, peer_id, session, event, reason_code, "
        "reason) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        _time(change.time_us),
        None if change.router_time_us is None else _time(change.router_time_us),
        change.peer_id,
        change.session,
        event,
        code,
        _storable(reason),
    )


def _storable(text: str | None) -> str | None:
    """What a router wrote, without the NUL that PostgreSQL's text cannot hold."""
    return None if text is None else text.replace("\0", "")


def _time(time_us: int) -> datetime:
    seconds, microseconds = divmod(time_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
