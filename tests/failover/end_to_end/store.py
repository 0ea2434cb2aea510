"""The database of the services: what they wrote there, and how one of their writes is held up."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.failover.end_to_end.edge import PREFIX
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from anyio.from_thread import BlockingPortal

_LOCK = 6_000_000
_WITHIN_S = 20.0
_HELD_UP = f"""
CREATE TABLE public.held_up (write text PRIMARY KEY);
CREATE FUNCTION public.hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.held_up
                WHERE write = coalesce(to_jsonb(NEW) ->> 'kind', 'plan') || ' ' || NEW.state) THEN
        PERFORM pg_advisory_xact_lock_shared({_LOCK});
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hold_up AFTER INSERT OR UPDATE ON failover.plan
   FOR EACH ROW EXECUTE FUNCTION public.hold_up();
CREATE TRIGGER hold_up AFTER UPDATE ON failover.plan_step
   FOR EACH ROW EXECUTE FUNCTION public.hold_up();
"""
_WAITS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted
"""
_LEADER = """
SELECT owner FROM failover.lease WHERE name = 'controller' AND expires_at > clock_timestamp()
"""
_STEPS = """
SELECT * FROM failover.plan_step
 WHERE plan_id = (SELECT plan_id FROM failover.plan ORDER BY begun_at DESC LIMIT 1)
 ORDER BY ordinal
"""
_ROUTES = """
SELECT time, host(bgp_peer_ip) AS peer, rib, NOT is_withdrawal AS announced
  FROM route_updates WHERE prefix = $1::cidr ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the upstream told us over BMP."""

    time: datetime
    peer: str
    rib: str
    announced: bool


def gaps(events: Iterable[Heard]) -> list[Heard]:
    """After which of them nobody announced the prefix any more, in one of the RIBs."""
    there: dict[str, set[str]] = {}
    found = []
    for event in events:
        of_rib = there.setdefault(event.rib, set())
        (of_rib.add if event.announced else of_rib.discard)(event.peer)
        if not of_rib:
            found.append(event)
    return found


class Store:
    """Asked from the test's thread; its connections live in the portal's loop."""

    def __init__(self, portal: BlockingPortal, url: str) -> None:
        self._portal = portal
        self._url = url
        self._conn: asyncpg.Connection[asyncpg.Record] = portal.call(_connect, url)

    def close(self) -> None:
        self._portal.call(self._conn.close)

    def prepare(self) -> None:
        """Writes can be held up from now on; the schema has to be there."""
        self._portal.call(self._conn.execute, _HELD_UP)

    def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        found = self._portal.call(self._conn.fetch, query, *arguments)
        return [dict(row) for row in found]

    def leader(self) -> int | None:
        """The process that holds the lease."""
        found = self.rows(_LEADER)
        return int(found[0]["owner"].split("/")[1]) if found else None

    def steps(self) -> list[dict[str, Any]]:
        """Of the last plan."""
        return self.rows(_STEPS)

    def heard(self) -> list[Heard]:
        """All that BMP brought of the prefix, in its order."""
        return [Heard(**row) for row in self.rows(_ROUTES, PREFIX)]

    @contextlib.contextmanager
    def held_up(self, write: str) -> Iterator[None]:
        """Within this context, whoever writes this to the journal waits, and has not committed it.

        `write` is a plan's new state (`plan running`), or a step's (`withdraw begun`).
        """
        self._portal.call(self._conn.execute, f"SELECT pg_advisory_lock({_LOCK})")
        self._portal.call(self._conn.execute, "INSERT INTO held_up VALUES ($1)", write)
        try:
            yield
        finally:
            self._portal.call(self._conn.execute, "DELETE FROM held_up")
            self._portal.call(self._conn.execute, f"SELECT pg_advisory_unlock({_LOCK})")

    def end_connections(self, application: str) -> None:
        """Those of an application, whatever they are at."""
        self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = $1",
            application,
        )

    def until_held_up(self) -> None:
        """Returns once somebody waits in such a write."""
        eventually(self._check_held_up, _WITHIN_S)

    def _check_held_up(self) -> None:
        if not self.rows(_WAITS, _LOCK)[0]["count"]:
            raise NotYetError(f"nobody writes it; the last plan: {self.steps()}")


async def _connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    conn = await asyncpg.connect(url)
    await conn.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog", format="text"
    )
    return conn
