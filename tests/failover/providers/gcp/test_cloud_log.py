"""Entries for Cloud Logging: what is sent, what waits, and what is lost when nobody takes it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
import respx
from prometheus_client import REGISTRY

from services.failover.providers.gcp.cloud_log import BATCH, CloudLog, Entry
from services.failover.providers.gcp.connect import connect
from services.failover.providers.guard import Limits
from shared.breaker import Registry
from tests.failover.providers.gcp.harness import Clock, fetch_token
from tests.fakes.cloud_logging import FakeCloudLogging
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

URL = "https://logging.googleapis.com/v2/entries:write"


def entry(number: int, severity: str = "INFO") -> Entry:
    return Entry(
        severity,
        "2026-03-01T12:00:00Z",
        {"message": "step", "step": f"advertise {number}"},
        {"service": "failover"},
        f"run-{number}",
    )


def counted(result: str) -> float:
    name = "bgpilot_failover_gcp_log_entries_total"
    return REGISTRY.get_sample_value(name, {"result": result}) or 0.0


@asynccontextmanager
async def a_log(
    transport: httpx.AsyncBaseTransport | None,
    *,
    most: int = 1_000,
    registry: Any = None,
    failures: int = 5,
) -> AsyncIterator[CloudLog]:
    clock = Clock()
    async with httpx.AsyncClient(transport=transport) as http:
        gcp = connect(
            fetch_token,
            http=http,
            clock=clock,
            now=clock.now,
            registry=registry,
            limits=Limits(failure_threshold=failures),
        )
        yield CloudLog(gcp.logging(), project="edge", log_id="bgpilot-failover", most=most)


@pytest.fixture
def fake() -> FakeCloudLogging:
    return FakeCloudLogging()


@respx.mock
async def test_the_exact_request() -> None:
    write = respx.post(URL).respond(json={})
    async with a_log(None) as log:
        log.offer(entry(1))
        log.offer(entry(2, "ERROR"))
        assert await log.flush()
    [call] = write.calls
    assert call.request.headers["authorization"] == "Bearer fake-token"
    assert call.request.content == (
        b'{"logName":"projects/edge/logs/bgpilot-failover",'
        b'"resource":{"type":"global","labels":{"project_id":"edge"}},'
        b'"entries":['
        b'{"severity":"INFO","timestamp":"2026-03-01T12:00:00Z","insertId":"run-1",'
        b'"jsonPayload":{"message":"step","step":"advertise 1"},"labels":{"service":"failover"}},'
        b'{"severity":"ERROR","timestamp":"2026-03-01T12:00:00Z","insertId":"run-2",'
        b'"jsonPayload":{"message":"step","step":"advertise 2"},"labels":{"service":"failover"}}'
        b'],"partialSuccess":true}'
    )


@respx.mock
async def test_a_check_is_a_dry_run() -> None:
    write = respx.post(URL).respond(json={})
    async with a_log(None) as log:
        finding = await log.check()
    assert orjson.loads(write.calls[0].request.content)["dryRun"] is True
    assert (finding.is_fault, finding.is_warning) == (False, False)
    assert finding.detail == "entries are written to projects/edge/logs/bgpilot-failover"


async def test_entries_go_in_batches_and_in_order(fake: FakeCloudLogging) -> None:
    async with a_log(httpx.ASGITransport(fake)) as log:
        for number in range(2 * BATCH + 1):
            log.offer(entry(number))
        assert await log.flush()
    assert fake.writes == [BATCH, BATCH, 1]
    assert list(fake.entries) == [f"run-{number}" for number in range(2 * BATCH + 1)]


async def test_what_had_no_answer_is_sent_again_and_kept_once(fake: FakeCloudLogging) -> None:
    fake.troubles.append(Trouble("entries:write", status=503, body={}))
    fake.troubles.append(Trouble("entries:write", torn=True))
    async with a_log(httpx.ASGITransport(fake)) as log:
        log.offer(entry(1))
        assert not await log.flush()
        log.offer(entry(2))
        assert not await log.flush()
        assert await log.flush()
    assert list(fake.entries) == ["run-1", "run-2"]


async def test_when_the_queue_is_full_the_oldest_go_and_are_counted(
    fake: FakeCloudLogging,
) -> None:
    before = counted("dropped")
    async with a_log(httpx.ASGITransport(fake), most=3) as log:
        for number in range(5):
            log.offer(entry(number))
        assert await log.flush()
    assert list(fake.entries) == ["run-2", "run-3", "run-4"]
    assert counted("dropped") - before == 2


async def test_what_is_refused_is_counted_and_does_not_hold_up_the_rest(
    fake: FakeCloudLogging,
) -> None:
    before = counted("refused")
    fake.is_allowed = False
    async with a_log(httpx.ASGITransport(fake)) as log:
        log.offer(entry(1))
        assert await log.flush()
        finding = await log.check()
        fake.is_allowed = True
        log.offer(entry(2))
        assert await log.flush()
    assert counted("refused") - before == 1
    assert list(fake.entries) == ["run-2"]
    assert (finding.is_fault, finding.is_warning) == (False, True)
    assert "logging.logEntries.create" in finding.detail


async def test_its_breaker_is_its_own(fake: FakeCloudLogging) -> None:
    registry = Registry()
    fake.troubles.append(Trouble("entries:write", times=None, status=503, body={}))
    async with a_log(httpx.ASGITransport(fake), registry=registry, failures=2) as log:
        log.offer(entry(1))
        for _ in range(4):
            assert not await log.flush()
        states = {one.name: one.state.value for one in registry if "logging" in one.name}
    assert states == {
        "gcp/logging/read": "closed",
        "gcp/logging/write": "open",
    }
    assert len(fake._through.asked) == 2


async def test_at_the_end_what_is_left_is_sent(fake: FakeCloudLogging) -> None:
    async with a_log(httpx.ASGITransport(fake)) as log:
        log.offer(entry(1))
        await log.close(5.0)
    assert list(fake.entries) == ["run-1"]


async def test_the_end_does_not_wait_for_what_does_not_answer(fake: FakeCloudLogging) -> None:
    before = counted("dropped")
    fake.troubles.append(Trouble("entries:write", latency=60.0))
    async with a_log(httpx.ASGITransport(fake)) as log:
        log.offer(entry(1))
        log.offer(entry(2))
        async with asyncio.timeout(2.0):
            await log.close(0.05)
    assert counted("dropped") - before == 2


async def test_it_is_sent_every_few_seconds_and_nothing_is_lost_when_that_is_broken_off(
    fake: FakeCloudLogging,
) -> None:
    turns = asyncio.Semaphore(0)

    async def sleep(seconds: float) -> None:
        assert seconds == 2.0
        await turns.acquire()

    async with a_log(httpx.ASGITransport(fake)) as log:
        running = asyncio.create_task(log.run(every=2.0, sleep=sleep))
        log.offer(entry(1))
        turns.release()
        while not fake.entries:
            await asyncio.sleep(0)
        fake.troubles.append(Trouble("entries:write", latency=60.0))
        log.offer(entry(2))
        turns.release()
        while len(fake._through.asked) < 2:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        await log.close(5.0)
    assert list(fake.entries) == ["run-1", "run-2"]


async def test_what_nobody_thought_of_does_not_end_it() -> None:
    sent: list[Any] = []
    turns = asyncio.Semaphore(2)

    async def call(it: Any) -> object:
        sent.append(it.body)
        if len(sent) == 1:
            raise RuntimeError("nobody thought of this")
        return {}

    async def sleep(_: float) -> None:
        await turns.acquire()

    caller: Any = call
    log = CloudLog(caller, project="edge", log_id="bgpilot-failover", most=10)
    log.offer(entry(1))
    running = asyncio.create_task(log.run(every=2.0, sleep=sleep))
    while len(sent) < 2:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert sent[0] == sent[1]
