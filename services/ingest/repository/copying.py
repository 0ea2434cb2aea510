"""COPY of ready rows, and what both stages of a writer share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.rows.fields import copy_payload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from typing import Literal

    from services.ingest.batch import Batch
    from services.ingest.database import Conn

    Stage = Literal["history", "current"]

# Advisory locks taken with two keys: ours for the stage, and one for each writer.
_LOCKS = {"history": 0x6268, "current": 0x6263}


async def take_over(conn: Conn, stage: Stage, writer_id: int) -> None:
    """Makes this connection the writer's own; waits until an earlier one of it is really gone.

    The wait matters after a lost connection: while the server still works on the batch that we
    sent, nobody can say whether it will be committed.
    """
    await conn.execute("SELECT pg_advisory_lock($1, $2)", _LOCKS[stage], writer_id)


async def try_take_over(conn: Conn, writer_id: int) -> bool:
    """Whether nothing is left of this writer's connections; none begins before we commit."""
    query = "SELECT pg_try_advisory_xact_lock($1, $2)"
    return all([await conn.fetchval(query, lock, writer_id) for lock in _LOCKS.values()])


async def last_batch(conn: Conn, stage: Stage, writer_id: int) -> int:
    """The number of the last batch that this writer committed in this stage; 0 for none."""
    number = await conn.fetchval(
        "SELECT last_batch FROM rib.progress WHERE writer_id = $1 AND stage = $2", writer_id, stage
    )
    return int(number or 0)


async def note_batch(conn: Conn, stage: Stage, writer_id: int, batch: Batch) -> None:
    """Notes, within the batch's transaction, that it is in."""
    await conn.execute(
        """
        INSERT INTO rib.progress AS p (writer_id, stage, last_batch, last_seq, routes, committed_at)
        VALUES ($1, $2, $3, $4, $5, clock_timestamp())
        ON CONFLICT (writer_id, stage) DO UPDATE
           SET last_batch = EXCLUDED.last_batch, committed_at = EXCLUDED.committed_at,
               last_seq = greatest(p.last_seq, EXCLUDED.last_seq),
               routes = p.routes + EXCLUDED.routes
        """,
        writer_id,
        stage,
        batch.number,
        batch.last_seq or None,
        batch.size,
    )


async def copy(
    conn: Conn,
    table: str,
    columns: tuple[str, ...],
    rows: Iterable[bytes],
    schema: str | None = None,
) -> None:
    """COPY rows that are encoded already into a table."""

    async def payload() -> AsyncIterator[bytes]:
        yield copy_payload(rows)

    await conn.copy_to_table(
        table, schema_name=schema, columns=columns, source=payload(), format="binary"
    )
