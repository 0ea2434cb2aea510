"""Calls to any provider: what is retried, what the breaker hears, what is recorded."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
import respx
from prometheus_client import REGISTRY as METRICS

from services.failover.acting.actuator import OutcomeUnknownError
from services.failover.acting.exchanges import Call, Exchange, recording, writing_only_if
from services.failover.acting.journal import StoppedError
from services.failover.providers.calling import Caller
from services.failover.providers.faults import (
    CallError,
    CallUnknownError,
    Fault,
    Refusal,
    TokenError,
    verdict,
    wait,
)
from services.failover.providers.guard import Limits
from shared.breaker import Registry, State, Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

URL = "https://provider.example/things"
READ = Call("list of things", "GET", URL)
WRITE = Call("change of things", "PUT", URL, {"to": "b"}, writes=True)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Example:
    """A provider that says no with the name of a fault."""

    name = "Example"

    def __init__(self) -> None:
        self.current = "secret-1"
        self.has_token = True

    async def token(self) -> str:
        if not self.has_token:
            raise TokenError("there is no token today")
        return self.current

    async def renewed(self, refused: str) -> str:
        self.current = "secret-2"
        return self.current

    def refusal(self, status: int, headers: Mapping[str, str], answer: object) -> Refusal | None:
        if status == 401:
            return Refusal(Fault.UNAUTHENTICATED, f"bad token {headers.get('x-echo')}")
        if isinstance(answer, dict) and (fault := answer.get("fault")):
            return Refusal(Fault(fault), answer.get("said", "no"), answer.get("wait"))
        return None

    def ids(self, headers: Mapping[str, str], answer: object) -> dict[str, str]:
        return {"ray": headers["x-ray"]} if "x-ray" in headers else {}


def fault(name: Fault, **more: object) -> httpx.Response:
    return httpx.Response(400, json={"fault": name.value, **more})


@pytest.fixture
def provider() -> Example:
    return Example()


@pytest.fixture
async def call(provider: Example) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient() as client:
        yield Caller(
            provider,
            client,
            region="here",
            limits=Limits(call_seconds=0.1, attempts=3),
            registry=Registry(),
            now=lambda: NOW,
        )


@respx.mock
async def test_an_answer_is_given_as_it_is(call: Caller) -> None:
    route = respx.get(URL).respond(json={"things": []})
    assert await call(READ) == {"things": []}
    request = route.calls.last.request
    assert request.headers["authorization"] == "Bearer secret-1"
    assert request.content == b""


@respx.mock
async def test_a_body_goes_out_as_compact_json(call: Caller) -> None:
    route = respx.put(URL).respond(json={})
    await call(WRITE)
    assert route.calls.last.request.content == b'{"to":"b"}'
    assert route.calls.last.request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        fault(Fault.TRANSIENT),
        fault(Fault.BUSY),
        httpx.Response(200, content=b"<html>"),
    ],
    ids=str,
)
@respx.mock
async def test_a_read_is_tried_again_after(call: Caller, trouble: object) -> None:
    route = respx.get(URL).mock(side_effect=[trouble, httpx.Response(200, json={"ok": 1})])
    assert await call(READ) == {"ok": 1}
    assert route.call_count == 2


@pytest.mark.parametrize("refusal", [Fault.REFUSED, Fault.CONFLICT])
@respx.mock
async def test_a_refusal_is_final(call: Caller, refusal: Fault) -> None:
    route = respx.get(URL).mock(side_effect=[fault(refusal)] * 3)
    with pytest.raises(CallError):
        await call(READ)
    assert route.call_count == 1


@pytest.mark.parametrize(
    "doubt",
    [
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        fault(Fault.TRANSIENT),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b'{"cut": "of'),
    ],
    ids=str,
)
@respx.mock
async def test_a_write_that_may_have_been_done_is_never_repeated(
    call: Caller, doubt: object
) -> None:
    route = respx.put(URL).mock(side_effect=[doubt] * 3)
    with pytest.raises(OutcomeUnknownError, match="whether it was done is not known"):
        await call(WRITE)
    assert route.call_count == 1


@pytest.mark.parametrize(
    "unsent",
    [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), fault(Fault.BUSY)],
    ids=str,
)
@respx.mock
async def test_a_write_that_cannot_have_been_done_is_tried_again(
    call: Caller, unsent: object
) -> None:
    route = respx.put(URL).mock(side_effect=[unsent, httpx.Response(200, json={})])
    assert await call(WRITE) == {}
    assert route.call_count == 2


@respx.mock
async def test_a_write_without_an_answer_in_time_has_an_unknown_outcome(call: Caller) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    respx.put(URL).mock(side_effect=never)
    with pytest.raises(CallUnknownError, match=r"no answer came within 0\.1 s"):
        await call(WRITE)


@respx.mock
async def test_attempts_come_to_an_end_with_the_last_error(call: Caller) -> None:
    route = respx.get(URL).mock(side_effect=[fault(Fault.TRANSIENT, said=f"{n}") for n in range(9)])
    with pytest.raises(CallError, match=r"^Example list of things failed with status 400: 2$"):
        await call(READ)
    assert route.call_count == 3


@respx.mock
async def test_a_refused_token_is_renewed_once(call: Caller) -> None:
    route = respx.put(URL).mock(
        side_effect=[httpx.Response(401), httpx.Response(200, json={"ok": 1})]
    )
    assert await call(WRITE) == {"ok": 1}
    assert route.calls.last.request.headers["authorization"] == "Bearer secret-2"


@respx.mock
async def test_a_second_refusal_of_the_token_is_final(call: Caller) -> None:
    route = respx.get(URL).respond(401)
    with pytest.raises(CallError) as failed:
        await call(READ)
    assert failed.value.fault is Fault.UNAUTHENTICATED
    assert route.call_count == 2


@respx.mock
async def test_a_token_never_gets_into_an_error_or_a_record(call: Caller) -> None:
    respx.get(URL).mock(
        side_effect=lambda request: httpx.Response(
            401, headers={"x-echo": request.headers["authorization"]}
        )
    )
    records: list[Exchange] = []
    with recording(records.append), pytest.raises(CallError) as failed:
        await call(READ)
    assert len(records) == 2
    shown = f"{failed.value} {failed.value.said} {[record.as_row() for record in records]}"
    assert "secret" not in shown
    assert "***" in shown


async def test_without_a_token_nothing_is_sent(call: Caller, provider: Example) -> None:
    provider.has_token = False
    with respx.mock(assert_all_called=False) as mock:
        route = mock.get(URL)
        with pytest.raises(CallError, match="there is no token today"):
            await call(READ)
        assert not route.called
    assert call.guard.reads.snapshot().counts.failure == 0


@respx.mock
async def test_a_long_message_is_one_short_line(call: Caller) -> None:
    respx.get(URL).mock(side_effect=[fault(Fault.REFUSED, said="no\n way. " * 200)])
    with pytest.raises(CallError) as failed:
        await call(READ)
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 500


# ---- Retry-After


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Fri, 20 Nov 2026 12:00:09 GMT", 9.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
@respx.mock
async def test_retry_after_is_a_number_or_a_date(
    call: Caller, header: str, seconds: float | None
) -> None:
    answer = fault(Fault.BUSY)
    answer.headers["retry-after"] = header
    respx.get(URL).mock(return_value=answer)
    with pytest.raises(CallError) as failed:
        await call(READ)
    assert failed.value.wait == seconds


@respx.mock
async def test_the_longer_of_two_waits_counts(call: Caller) -> None:
    answer = fault(Fault.BUSY, wait=30.0)
    answer.headers["retry-after"] = "2"
    respx.get(URL).mock(return_value=answer)
    with pytest.raises(CallError) as failed:
        await call(READ)
    assert failed.value.wait == 30.0


@respx.mock
async def test_a_wait_beyond_the_time_of_a_call_is_not_begun(call: Caller) -> None:
    route = respx.get(URL).mock(side_effect=[fault(Fault.BUSY, wait=61.0)] * 3)
    with pytest.raises(CallError) as failed:
        await call(READ)
    assert route.call_count == 1
    assert failed.value.wait == 61.0


# ---- the tables


ERRORS = {kind: CallError("P", "c", kind, "no") for kind in Fault}


def test_what_each_fault_says_of_the_provider() -> None:
    assert {kind: verdict(error) for kind, error in ERRORS.items()} == {
        Fault.UNREACHABLE: Verdict.FAILURE,
        Fault.NO_ANSWER: Verdict.FAILURE,
        Fault.TRANSIENT: Verdict.FAILURE,
        Fault.NONSENSE: Verdict.FAILURE,
        Fault.UNAUTHENTICATED: Verdict.FAILURE,
        Fault.BUSY: Verdict.IGNORED,
        Fault.NO_TOKEN: Verdict.IGNORED,
        Fault.HELD_BACK: Verdict.IGNORED,
        Fault.CONFLICT: Verdict.SUCCESS,
        Fault.REFUSED: Verdict.SUCCESS,
    }
    assert verdict(ValueError("ours")) is Verdict.FAILURE


def test_what_is_tried_again() -> None:
    again = {kind for kind, error in ERRORS.items() if wait(error)}
    assert again == {
        Fault.UNREACHABLE,
        Fault.NO_ANSWER,
        Fault.TRANSIENT,
        Fault.NONSENSE,
        Fault.BUSY,
        Fault.NO_TOKEN,
    }
    assert wait(CallError("P", "c", Fault.BUSY, "no", wait=30.0)) == 30.0
    assert wait(CallUnknownError("P", "c", Fault.NO_ANSWER, "no")) is False
    assert wait(ValueError("ours")) is False


# ---- its two breakers


@respx.mock
async def test_failures_open_the_breaker_and_nothing_more_is_sent(call: Caller) -> None:
    route = respx.get(URL).mock(side_effect=[fault(Fault.TRANSIENT)] * 99)
    for _ in range(2):
        with pytest.raises(CallError):
            await call(READ)
    assert route.call_count == 5
    with pytest.raises(CallError, match="Example list of things failed: example/here/read") as held:
        await call(READ)
    assert held.value.fault is Fault.HELD_BACK
    assert route.call_count == 5
    assert call.guard.reads.state is State.OPEN


@respx.mock
async def test_an_open_breaker_of_reads_lets_writes_pass(call: Caller) -> None:
    call.guard.reads.force_open(seconds=60, owner="op", reason="drill")
    respx.put(URL).respond(json={})
    assert await call(WRITE) == {}


@respx.mock
async def test_refusals_and_rate_limits_never_open_it(call: Caller) -> None:
    for kind in (Fault.REFUSED, Fault.BUSY, Fault.CONFLICT):
        respx.get(URL).mock(side_effect=[fault(kind)] * 99)
        for _ in range(10):
            with pytest.raises(CallError):
                await call(READ)
    assert call.guard.reads.state is State.CLOSED


@respx.mock
async def test_a_storm_of_refused_tokens_opens_it(call: Caller) -> None:
    respx.get(URL).respond(401)
    for _ in range(5):
        with pytest.raises(CallError):
            await call(READ)
    assert call.guard.reads.state is State.OPEN


@respx.mock
async def test_a_write_that_is_held_back_was_not_done(call: Caller) -> None:
    call.guard.writes.force_open(seconds=60, owner="op", reason="drill")
    with pytest.raises(CallError, match=r"op holds it open \(drill\)") as held:
        await call(WRITE)
    assert not isinstance(held.value, OutcomeUnknownError)
    assert held.value.wait is not None


# ---- records


@respx.mock
async def test_every_attempt_is_a_record_with_the_provider_s_ids(call: Caller) -> None:
    answers = [httpx.ReadTimeout("slow"), httpx.Response(200, json={}, headers={"x-ray": "r1"})]
    respx.get(URL).mock(side_effect=answers)
    records: list[Exchange] = []
    with recording(records.append):
        await asyncio.gather(call(READ))
    assert [(record.status, dict(record.ids)) for record in records] == [
        (None, {}),
        (200, {"ray": "r1"}),
    ]
    assert records[0].error == "Example list of things failed: no answer came within 0.1 s"


@respx.mock
async def test_every_attempt_is_counted_by_how_it_ended(call: Caller) -> None:
    def count(result: str) -> float:
        name = "bgpilot_failover_provider_request_seconds_count"
        labels = {"provider": "Example", "region": "here", "way": "read", "result": result}
        return METRICS.get_sample_value(name, labels) or 0.0

    before = count("transient"), count("ok")
    respx.get(URL).mock(side_effect=[fault(Fault.TRANSIENT), httpx.Response(200, json={})])
    await call(READ)
    assert (count("transient"), count("ok")) == (before[0] + 1, before[1] + 1)


@respx.mock
async def test_records_go_to_every_sink_and_to_none_after_its_end(call: Caller) -> None:
    respx.get(URL).respond(json={})
    outer: list[Exchange] = []
    inner: list[Exchange] = []
    with recording(outer.append):
        with recording(inner.append):
            await call(READ)
        await call(READ)
    await call(READ)
    assert (len(outer), len(inner)) == (2, 1)


class Lost:
    """A lease that is lost after it was asked for so often."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self) -> None:
        if self.left == 0:
            raise StoppedError("the lease is lost")
        self.left -= 1


@respx.mock
async def test_a_write_is_kept_back_once_its_sender_may_not_write(call: Caller) -> None:
    route = respx.put(URL).respond(json={})
    respx.get(URL).respond(json={})
    for _ in range(10):
        with writing_only_if(Lost(0)), pytest.raises(StoppedError):
            await call(WRITE)
    assert not route.called
    assert call.guard.writes.snapshot().state is State.CLOSED
    with writing_only_if(Lost(0)):
        await call(READ)
    await call(WRITE)


async def test_a_write_is_kept_back_when_the_lease_is_lost_while_it_connects(call: Caller) -> None:
    heard: list[bytes] = []
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()
        ended.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    write = Call("a change", "PUT", f"http://127.0.0.1:{port}/", {}, writes=True)
    with writing_only_if(Lost(1)), pytest.raises(StoppedError):
        await call(write)
    await ended.wait()
    server.close()
    await server.wait_closed()
    assert heard == [b""]
