"""Writers, routers, peers, their sessions and RIBs: who is who."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.repository import recovery
from services.ingest.repository.copying import try_take_over

if TYPE_CHECKING:
    from services.ingest.database import Conn


async def start_writer(conn: Conn, host: str, pid: int) -> int:
    """A number that no other writer has or will have."""
    number = await conn.fetchval(
        "INSERT INTO rib.writer (host, pid) VALUES ($1, $2) RETURNING writer_id", host, pid
    )
    return int(number)


async def keep_alive(conn: Conn, writer_id: int) -> bool:
    """Whether the writer is still one."""
    status = await conn.execute(
        "UPDATE rib.writer SET alive_at = clock_timestamp() WHERE writer_id = $1", writer_id
    )
    return str(status) == "UPDATE 1"


async def writers_of(conn: Conn, host: str) -> dict[int, int]:
    """The process ids of this host's writers, by their numbers."""
    rows = await conn.fetch("SELECT writer_id, pid FROM rib.writer WHERE host = $1", host)
    return {row["writer_id"]: row["pid"] for row in rows}


async def bury(conn: Conn, writer_ids: list[int]) -> None:
    """These writers are dead; `clear_up` does the rest."""
    await conn.execute("DELETE FROM rib.writer WHERE writer_id = ANY ($1::int4[])", writer_ids)


async def bury_gone(conn: Conn, writer_ids: list[int]) -> None:
    """Those of these writers that have no connection left are dead.

    That there is no process of that number says it only of this host: another one, or a container,
    may have the same name.
    """
    await bury(conn, [one for one in writer_ids if await try_take_over(conn, one)])


async def bury_silent(conn: Conn, seconds: float) -> None:
    """Writers that have not said for so long that they live are dead."""
    await conn.execute(
        "DELETE FROM rib.writer WHERE alive_at < clock_timestamp() - make_interval(secs => $1)",
        seconds,
    )


async def end_writer(conn: Conn, writer_id: int) -> None:
    """The writer has closed its connections and writes no more."""
    await bury(conn, [writer_id])
    await clear_up(conn)


async def clear_up(conn: Conn) -> int:
    """Finishes what dead writers began and marks as lost their sessions; says how many."""
    await recovery.finish(conn)
    await conn.execute(
        "DELETE FROM rib.connection AS c WHERE NOT EXISTS "
        "(SELECT FROM rib.writer AS w WHERE w.writer_id = c.writer_id)"
    )
    await _forget_progress(conn)
    lost = await conn.fetchval(
        """
        WITH lost AS (
            UPDATE rib.peer AS p SET state = 'lost', since = clock_timestamp()
             WHERE state = 'up' AND NOT EXISTS
                   (SELECT FROM rib.writer AS w WHERE w.writer_id = p.writer_id)
            RETURNING peer_id, session, since
        ), noted AS (
            INSERT INTO rib.peer_event (seq, time, peer_id, session, event, reason)
            SELECT 0, since, peer_id, session, 'lost', 'the ingest process ended' FROM lost
        )
        SELECT count(*) FROM lost
        """
    )
    return int(lost)


async def _forget_progress(conn: Conn) -> None:
    # The newest one stays until somebody else commits: it says how fresh the data is. And whoever
    # was cut off and taken for dead, and comes back, asks in them what it has committed.
    await conn.execute(
        """
        DELETE FROM rib.progress AS p
         WHERE NOT EXISTS (SELECT FROM rib.writer AS w WHERE w.writer_id = p.writer_id)
           AND NOT EXISTS (SELECT FROM rib.progress AS h WHERE h.writer_id = p.writer_id
                              AND h.stage = 'history' AND h.last_seq > (
                                  SELECT coalesce(max(c.last_seq), 0) FROM rib.progress AS c
                                   WHERE c.writer_id = h.writer_id AND c.stage = 'current'))
           AND committed_at < least((SELECT max(committed_at) FROM rib.progress),
                                    clock_timestamp() - interval '1 day')
        """
    )


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


async def bgp_ids(conn: Conn) -> dict[str, str]:
    """The BGP identifiers of routers that we have heard of, by address."""
    rows = await conn.fetch(
        "SELECT host(address), host(bgp_id) FROM rib.router WHERE bgp_id IS NOT NULL"
    )
    return dict(rows)


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


async def register_rib(conn: Conn, peer_id: int, family: int, view: int, has_path_ids: bool) -> int:
    """The id of this RIB of the peer, a new one if need be."""
    identity = (peer_id, family, view, has_path_ids)
    found = await conn.fetchval(
        "SELECT rib_id FROM rib.peer_rib "
        "WHERE peer_id = $1 AND family = $2 AND view = $3 AND has_path_ids = $4",
        *identity,
    )
    if found is None:
        found = await conn.fetchval(
            """
            WITH swept AS (
                SELECT session, time, is_down FROM rib.sweep
                 WHERE peer_id = $1 AND (family IS NULL OR family = $2 AND view = $3)
            )
            INSERT INTO rib.peer_rib AS b (peer_id, family, view, has_path_ids, valid_session,
                                           complete_session, complete_at)
            SELECT $1, $2, $3, $4, (SELECT coalesce(max(session), 0) FROM swept), session, time
              FROM (SELECT) AS one
              LEFT JOIN (SELECT session, time FROM swept WHERE NOT is_down
                          ORDER BY session DESC, time LIMIT 1) AS complete ON true
            ON CONFLICT (peer_id, family, view, has_path_ids)
            DO UPDATE SET peer_id = b.peer_id RETURNING rib_id
            """,
            *identity,
        )
    return int(found)
