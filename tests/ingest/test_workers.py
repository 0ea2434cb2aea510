"""Several ingest processes on one port: they share the work, and none is missed when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import psutil
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from services.ingest.exposition import together
from services.ingest.worker_link import Asker, WorkerSilent, answer
from tests.ingest import speaker
from tests.ingest.processes import DEADLINE, ROOT, Program, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PEER = speaker.Peer()
ROUTERS = [f"127.0.1.{number}" for number in range(1, 41)]
SPEECH = speaker.initiation() + speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8")


@contextlib.asynccontextmanager
async def workers(url: str, **variables: str) -> AsyncIterator[tuple[Program, int]]:
    """The service with two ready workers, and its BMP port."""
    async with program(url, INGEST_WORKERS="2", **variables) as service:
        await service.ready()
        yield service, (await service.line("listening for routers"))["port"]


@contextlib.asynccontextmanager
async def connected(port: int, addresses: list[str]) -> AsyncIterator[None]:
    """Routers with these addresses that have announced a route each."""
    async with contextlib.AsyncExitStack() as stack:
        for address in addresses:
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            stack.callback(writer.close)
            writer.write(SPEECH)
        yield


async def until_stats(service: Program, **wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE):
        while not wanted.items() <= (stats := await service.stats()).items():
            await asyncio.sleep(0.05)
    return stats


async def fetch(url: str, query: str) -> Any:
    conn = await asyncpg.connect(url)
    try:
        return await conn.fetchval(query)
    finally:
        await conn.close()


async def test_workers_let_other_processes_go_first(database_url: str) -> None:
    async with workers(database_url, INGEST_NICE="7") as (service, _):
        parent = psutil.Process(service.process.pid)
        ours = psutil.Process().nice()
        family = (parent, *parent.children())
        nice = min(ours + 7, 19)
        assert [one.nice() for one in family] == [nice] * 3
        groups = [Path(f"/proc/{one.pid}/autogroup") for one in family]
        if groups[0].exists():
            assert [group.read_text().split()[1:] for group in groups] == [["nice", f"{nice}"]] * 3


async def test_two_workers_share_a_port_and_both_receive(database_url: str) -> None:
    async with workers(database_url) as (service, port), connected(port, ROUTERS):
        stats = await until_stats(service, connections=40, committed_routes=40, pending_routes=0)
        assert (stats["messages"], stats["received_bytes"]) == (120, 40 * len(SPEECH))
        checks = await service.ready()
        shares = [one["connections"] for one in checks["station"]["workers"].values()]
        assert sum(shares) == 40
        assert min(shares) > 0
        page = (await service.get("/metrics")).text
        counted = re.findall(
            r'^bgpilot_ingest_connections\{worker="(\d)"\} (\d+)', page, re.MULTILINE
        )
        assert [(int(worker), int(count)) for worker, count in counted] == list(enumerate(shares))
        assert {line["worker"] for line in service.said("peer_connected")} == {0, 1}
    assert await fetch(database_url, "SELECT count(*) FROM rib.route_event") == 40
    assert await fetch(database_url, "SELECT count(*) FROM rib.router") == 40


async def test_a_worker_that_is_killed_is_started_again_and_its_routers_are_served(
    database_url: str,
) -> None:
    async with workers(database_url) as (service, port):
        victim = (await service.line("worker started", worker=1))["pid"]
        psutil.Process(victim).kill()
        ended = await service.line("worker ended", worker=1)
        assert ended["reason"] == "signal SIGKILL"
        # Its socket went with it, so whoever comes now is served by the other one.
        async with connected(port, ROUTERS):
            await service.line("peer_connected", nth=40)
        await service.line("worker started", nth=2, worker=1)
        await service.ready()
        assert len(service.said("worker started", worker=0)) == 1
        children = psutil.Process(service.process.pid).children()
        assert len(children) == 2
        assert psutil.STATUS_ZOMBIE not in {child.status() for child in children}
        async with connected(port, ROUTERS):
            await until_stats(service, connections=40)
            checks = await service.ready()
            assert checks["station"]["workers"]["1"]["connections"] > 0
        page = (await service.get("/metrics")).text
        assert 'bgpilot_worker_ends_total{worker="1"} 1.0' in page


async def test_a_worker_that_hangs_is_named_and_answers_again_when_it_goes_on(
    database_url: str,
) -> None:
    async with workers(database_url) as (service, _):
        worker = psutil.Process((await service.line("worker started", worker=0))["pid"])
        worker.suspend()
        answer = await service.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["station"]["reason"] == "worker 0: no answer within 2 s"
        assert (await service.stats())["waiting_for"] == "worker 0: no answer within 2 s"
        worker.resume()
        assert (await service.ready()).keys() == {"station", "database"}
        assert (await service.stats())["waiting_for"] is None


async def test_workers_end_when_their_parent_dies_and_write_what_they_read(
    database_url: str,
) -> None:
    async with workers(database_url, INGEST_BATCH_SECONDS="30") as (service, port):
        children = psutil.Process(service.process.pid).children()
        async with connected(port, ROUTERS):
            await until_stats(service, connections=40, pending_routes=40)
            service.process.kill()
            _, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=DEADLINE)
            assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    assert await fetch(database_url, "SELECT count(*) FROM rib.route_event") == 40


async def test_a_worker_that_is_told_to_stop_by_itself_does_so_and_is_replaced(
    database_url: str,
) -> None:
    async with workers(database_url) as (service, _):
        psutil.Process((await service.line("worker started", worker=0))["pid"]).terminate()
        assert (await service.line("worker ended"))["reason"] == "exit status 0"
        await service.line("shutdown: database connections closed", worker=0)
        await service.line("worker started", nth=2, worker=0)


async def test_each_router_to_dial_is_dialled_by_one_worker(database_url: str) -> None:
    calls: asyncio.Queue[tuple[int, asyncio.StreamWriter]] = asyncio.Queue()

    async def router(number: int) -> asyncio.Server:
        return await asyncio.start_server(
            lambda _, writer: calls.put_nowait((number, writer)), f"127.0.0.{number}", 0
        )

    routers = [await router(number) for number in (2, 3, 4)]
    dial = ",".join("{}:{}".format(*one.sockets[0].getsockname()) for one in routers)
    async with workers(database_url, INGEST_DIAL=dial) as (service, _):
        async with asyncio.timeout(DEADLINE):
            called = [await calls.get() for _ in routers]
        for _, writer in called:
            writer.write(SPEECH)
        await until_stats(service, connections=3, committed_routes=3)
        assert sorted(number for number, _ in called) == [2, 3, 4]
        assert calls.empty()
        dialled = {line["peer"]: line["worker"] for line in service.said("peer_connected")}
        assert dialled == {"127.0.0.2": 0, "127.0.0.3": 1, "127.0.0.4": 0}
    for number, writer in called:
        writer.close()
        routers[number - 2].close()


@pytest.mark.parametrize("count", ["1", "2"])
async def test_a_port_that_others_share_already_is_in_use(database_url: str, count: str) -> None:
    async with workers(database_url) as (_, port):
        second = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "services.ingest"],
            env={
                "DATABASE_URL": database_url,
                "INGEST_BMP_PORT": str(port),
                "INGEST_WORKERS": count,
                "PYTHONPATH": str(ROOT),
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode == 1
    assert second.stderr == (
        f"bgpilot: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "stop what listens there or set INGEST_BMP_PORT to another value\n"
    )


# ---- the link between a worker and its parent


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


async def test_the_parent_asks_and_the_worker_answers(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    async def figures() -> object:
        return {"connections": 3}

    async def page() -> object:
        return "# HELP\nx 1\n" * 100_000

    asker = await Asker.on(ends[0])
    working = asyncio.create_task(answer(ends[1], {"stats": figures, "metrics": page}))
    asked = await asyncio.gather(asker.ask("stats"), asker.ask("metrics"), asker.ask("stats"))
    assert asked == [await figures(), await page(), await figures()]
    asker.close()
    async with asyncio.timeout(10):
        await working


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    asker = await Asker.on(ends[0])
    reader, writer = await asyncio.open_unix_connection(sock=ends[1])
    asking = asyncio.create_task(asker.ask("stats"))
    assert await reader.readline() == b"1 stats\n"
    with pytest.raises(WorkerSilent, match="no answer within 2 s"):
        await asking
    asking = asyncio.create_task(asker.ask("stats"))
    assert await reader.readline() == b"2 stats\n"
    writer.write(b'1 "late"\n2 "right"\n')
    assert await asking == "right"
    writer.close()
    with pytest.raises(WorkerSilent, match="it has ended"):
        await asker.ask("stats")
    asker.close()


# ---- one page for Prometheus


def page_of(connections: int) -> str:
    registry = CollectorRegistry()
    Gauge("connections", "Open now", registry=registry).set_function(lambda: connections)
    Counter("bytes_total", "Read", ["kind"], registry=registry).labels('a"b').inc(connections)
    Histogram("lag", "Seconds", buckets=(1, 2), registry=registry).observe(1.5)
    return generate_latest(registry).decode()


def test_the_pages_of_all_workers_are_one_page() -> None:
    own = CollectorRegistry()
    Counter("requests_total", "HTTP", registry=own).inc()
    page = together(own.collect(), {0: page_of(3), 1: page_of(4)}).decode()
    for line in (
        "requests_total 1.0",
        'connections{worker="0"} 3.0',
        'connections{worker="1"} 4.0',
        'bytes_total{kind="a\\"b",worker="1"} 4.0',
        'lag_bucket{le="2.0",worker="0"} 1.0',
        'lag_count{worker="1"} 1.0',
    ):
        assert f"\n{line}\n" in f"\n{page}"
    headings = [line for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(headings) == len(set(headings))
