"""The big store that queries are measured on: made once, kept, made anew when its shape changes.

Five peers with a million routes each, ten million events in thirty days. It takes 6 GB in
`BENCH_HOME`, by default `bgpilot/bench` in the user's cache, and some minutes to make.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from pydantic import SecretStr

from bench import query_month, query_overlay, query_tables, query_world
from services.ingest.repository import partitions
from shared.db.layout import Layout
from shared.db.migrate import migrate
from shared.stack import temporary
from shared.stack.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bench.query_world import Size
    from services.ingest.database import Conn

_SOURCES = (query_world, query_tables, query_month, query_overlay)
_MIGRATIONS = Path(__file__).parent.parent / "shared" / "db" / "migrations" / "versions"
_SUMMARIZE = """
SELECT brin_summarize_new_values(c.oid) FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam
 WHERE amname = 'brin' AND relkind = 'i'
"""
_MEMORY = (
    "SET work_mem = '1GB'",
    "SET maintenance_work_mem = '1GB'",
    "SET synchronous_commit = off",
)


def home() -> Path:
    """The directory of the store."""
    if named := os.environ.get("BENCH_HOME"):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "bgpilot" / "bench"


@contextmanager
def running() -> Iterator[EmbeddedPostgres]:
    """A server with the store in it, which is made first if need be."""
    directory, wanted = home(), _version()
    directory.mkdir(parents=True, exist_ok=True)
    marker = directory / "version"
    if not marker.exists() or marker.read_text() != wanted:
        marker.unlink(missing_ok=True)
        shutil.rmtree(directory / "postgres", ignore_errors=True)
    server = EmbeddedPostgres(directory)
    server.prepare()
    with temporary.running(server, directory / "log"):
        if not marker.exists():
            asyncio.run(fill(server.dsn, query_world.Size(), _print))
            marker.write_text(wanted)
        yield server


@contextmanager
def copied(server: EmbeddedPostgres) -> Iterator[str]:
    """A copy that may be written to, as a second database of the server; gives its URL."""
    name = "copy"
    make = f"CREATE DATABASE {name} TEMPLATE bgpilot OWNER bgpilot STRATEGY FILE_COPY"
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    asyncio.run(_execute(server.admin_dsn, drop, make))
    try:
        yield server.dsn.replace("@/bgpilot?", f"@/{name}?")
    finally:
        asyncio.run(_execute(server.admin_dsn, drop))


async def _execute(dsn: str, *statements: str) -> None:
    conn = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


def _version() -> str:
    digest = hashlib.sha256()
    for path in (*(Path(str(one.__file__)) for one in _SOURCES), *sorted(_MIGRATIONS.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


async def fill(dsn: str, size: Size, say: Callable[[str], None]) -> None:
    """Makes the store in an empty database."""
    await migrate(SecretStr(dsn), Layout.PARTITIONS)
    conn = await asyncpg.connect(dsn, command_timeout=3600)
    steps: dict[str, Callable[[], Awaitable[None]]] = {
        "sessions": partial(_begin, conn),
        "attributes": partial(query_tables.write, conn, size),
        "events": partial(query_month.write_tables, conn, size),
        "other families": partial(query_overlay.write, conn, size),
        "routes": partial(query_month.write_routes, conn, query_month.PREFIX),
        "routes of other families": partial(query_month.write_routes, conn, query_month.NLRI),
        "statistics": partial(_finish, conn),
    }
    try:
        for name, step in steps.items():
            started = time.monotonic()
            await step()
            say(f"{name}: {time.monotonic() - started:.0f} s")
    finally:
        await conn.close()


async def _begin(conn: Conn) -> None:
    for setting in _MEMORY:
        await conn.execute(setting)
    weeks = [query_world.START + timedelta(days=day) for day in range(query_world.DAYS + 1)]
    async with conn.transaction():
        await partitions.make_for(conn, weeks)
    await conn.execute("CREATE SCHEMA bench")
    await query_world.write(conn)


async def _finish(conn: Conn) -> None:
    await conn.execute("DROP SCHEMA bench CASCADE")
    await conn.execute("VACUUM ANALYZE")
    await conn.execute(_SUMMARIZE)


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Keeps the store running, for a look at it by hand: python -m bench.query_store."""
    with running() as server:
        print(server.dsn, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
