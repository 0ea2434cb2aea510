"""How fast questions are answered, over a store of five full tables and thirty days.

Through the gateway, as whoever asks does, and once more while ingest loads a full table.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from bench import query_store
from bench.captures import ROOT, streams
from bench.query_kinds import Kind, kinds, past_tables
from bench.query_services import GATEWAY_PORT, committed_routes, loading, running

if TYPE_CHECKING:
    from collections.abc import Iterator

Figure = dict[str, Any]

CLIENTS = 16
SECONDS = 30.0
ANSWERS = 1_000
"""At least so many of each kind, so that ten are slower than 99 of 100."""
WARM_SECONDS = 3.0


def run() -> Iterator[Figure]:
    """Each kind by itself, then each again while a table loads, with the ratio of the two."""
    with query_store.running() as store:
        asked, tables = asyncio.run(_questions(store.dsn))
        quiet = {}
        with running(store.dsn, "routes", "gateway"):
            for kind in asked:
                figure = quiet[kind.name] = _paced(kind)
                yield figure | _at_once(kind)
            yield from map(_streamed, tables)
        with query_store.copied(store) as dsn:
            yield from _while_loading(dsn, asked, quiet)


async def _questions(dsn: str) -> tuple[list[Kind], list[str]]:
    conn = await asyncpg.connect(dsn)
    try:
        return await kinds(conn), await past_tables(conn)
    finally:
        await conn.close()


def _while_loading(dsn: str, asked: list[Kind], quiet: dict[str, Figure]) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        table = streams(Path(name))[-1]
        with ExitStack() as stack:
            stack.enter_context(running(dsn, "ingest", "routes", "gateway"))
            for kind in asked:  # the copy is as cold as the store is warm
                _ask(kind.paths, seconds=WARM_SECONDS)
            stack.enter_context(loading(table))
            for kind in asked:
                before, started = committed_routes(), time.monotonic()
                figure = _paced(kind)
                loaded = (committed_routes() - before) / (time.monotonic() - started)
                alone = quiet[kind.name]
                yield figure | {
                    "figure": f"{kind.name}, while a table loads",
                    "routes_loaded_per_second": round(loaded),
                    "p50_times": round(figure["p50_ms"] / alone["p50_ms"], 1),
                    "p99_times": round(figure["p99_ms"] / alone["p99_ms"], 1),
                }


def _paced(kind: Kind) -> Figure:
    _ask(kind.paths, seconds=WARM_SECONDS)
    figure = _ask(kind.paths, seconds=max(SECONDS, ANSWERS / kind.rate), rate=kind.rate)
    bars = {"bar_p99_ms": kind.p99} | ({"bar_p50_ms": kind.p50} if kind.p50 else {})
    return {"figure": kind.name, "clients": CLIENTS, "rate": kind.rate} | figure | bars


def _at_once(kind: Kind) -> Figure:
    """How many answers there are where no client waits."""
    return {"at_most_per_second": _ask(kind.paths, seconds=WARM_SECONDS)["per_second"]}


def _streamed(path: str) -> Figure:
    """Asked twice, and both are told: some systems drop files from memory that are seldom read."""
    first, second = (_ask([path], clients=1, seconds=0.0) for _ in range(2))
    names = ("first_byte_p50_ms", "lines_per_second", "refused")
    before = {f"{name}, first time": first[name] for name in names if name in first}
    return {"figure": "table of a peer at a past moment, streamed", "path": path} | second | before


def _ask(
    paths: list[str], *, seconds: float, rate: float | None = None, clients: int = CLIENTS
) -> Figure:
    plan = {
        "host": "127.0.0.1",
        "port": GATEWAY_PORT,
        "clients": clients,
        "paths": paths,
        "seconds": seconds,
        "rate": rate,
    }
    result = subprocess.run(
        [sys.executable, "-m", "bench.query_clients"],
        cwd=ROOT,
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    figures: Figure = json.loads(result.stdout)
    return figures
