"""What a client is told when a service gives no answer, and what is tried first."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from typing_extensions import override

from gateway.upstreams import READING, Forward
from tests.gateway.harness.client import Answer, ask, connection, request
from tests.gateway.harness.services import Recorder, Slow
from tests.gateway.harness.serving import gateway, gateway_before, refusing, silent, speaking

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

PATH = "/api/v1/routes"
WRITABLE = (Forward(PATH, "routes", READING | {"POST"}),)
TOKEN = [("Authorization", "Bearer secret-token")]


def check_problem(answer: Answer, status: int, kind: str, *words: str) -> None:
    problem = answer.problem
    assert (problem["status"], problem["type"]) == (status, f"urn:bgpilot:problem:{kind}")
    for word in ("routes service", *words):
        assert word in problem["detail"]
    assert problem["request_id"] == answer.header("x-request-id")
    assert problem["instance"] == PATH


async def test_a_service_that_is_not_there_is_502() -> None:
    with refusing() as url:
        async with gateway(gateway_routes_url=url) as port:
            answer = await ask(port, PATH)
    check_problem(answer, 502, "upstream-connect-failure", url, "GATEWAY_ROUTES_URL")


async def test_a_service_without_a_url_is_503() -> None:
    async with gateway(gateway_routes_url="") as port:
        answer = await ask(port, PATH)
    check_problem(answer, 503, "upstream-disabled", "disabled", "GATEWAY_ROUTES_URL")


async def test_a_service_that_says_nothing_is_504() -> None:
    with silent() as url:
        async with gateway(gateway_routes_url=url, gateway_answer_seconds=0.1) as port:
            answer = await ask(port, PATH)
    check_problem(answer, 504, "upstream-timeout", url, "0.1 s", "GATEWAY_ANSWER_SECONDS")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", b"no http at all\r\n\r\n"])
async def test_a_service_that_breaks_off_before_its_answer_is_502(said: bytes) -> None:
    async with speaking(said) as url, gateway(gateway_routes_url=url) as port:
        answer = await ask(port, PATH)
    check_problem(answer, 502, "upstream-broken", url)


async def test_a_service_with_every_connection_in_use_is_503_and_may_be_asked_again() -> None:
    service = Slow()
    async with (
        gateway_before(service, gateway_max_connections=1) as port,
        connection(port) as conn,
    ):
        await conn.write(request(PATH))
        await service.asked.wait()
        answer = await ask(port, PATH)
        check_problem(answer, 503, "upstream-busy")
        assert answer.header("retry-after") == "1"
        service.release.set()
        assert (await conn.answer()).status == 200
        assert (await ask(port, PATH)).status == 200


async def test_clients_that_leave_give_their_connections_back() -> None:
    service = Slow()
    async with gateway_before(service, gateway_max_connections=1) as port:
        for _ in range(3):
            async with connection(port) as conn:
                await conn.write(request(PATH))
                await service.asked.wait()
            async with asyncio.timeout(10):
                await service.caller_gone.wait()
            service.asked.clear()
            service.caller_gone.clear()
        service.release.set()
        assert (await ask(port, PATH)).status == 200


class Network(httpx.AsyncBaseTransport):
    """Before a routes service that meets these outcomes, one after the other."""

    def __init__(self, *outcomes: Exception | int) -> None:
        self._outcomes = list(outcomes)
        self.calls = 0

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        match self._outcomes.pop(0):
            case int(status):
                return httpx.Response(status, stream=httpx.ByteStream(b""))
            case error:
                raise error

    def gateway(self, **changes: Any) -> AbstractAsyncContextManager[int]:
        """The port of a gateway in this network."""
        return gateway(
            connect=lambda *_: self, **{"gateway_routes_url": "http://routes.test"} | changes
        )


REFUSED = httpx.ConnectError("refused")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("failures", [1, 2])
async def test_a_read_is_repeated_until_its_connection_stands(method: str, failures: int) -> None:
    network = Network(*[REFUSED] * failures, 200)
    with capture_logs() as logs:
        async with network.gateway() as port:
            assert (await ask(port, PATH, method)).status == 200
    assert network.calls == failures + 1
    (line,) = [each for each in logs if each["event"] == "request"]
    assert line["retries"] == failures


async def test_a_read_is_repeated_no_more_than_twice() -> None:
    network = Network(REFUSED, REFUSED, REFUSED, 200)
    async with network.gateway() as port:
        assert (await ask(port, PATH)).status == 502
    assert network.calls == 3


async def test_a_connection_that_never_stands_is_504() -> None:
    network = Network(*[httpx.ConnectTimeout("slow")] * 3)
    async with network.gateway() as port:
        answer = await ask(port, PATH)
    check_problem(answer, 504, "upstream-timeout", "within 2 s")


@pytest.mark.parametrize(("method", "body"), [("POST", b"{}"), ("POST", b""), ("GET", b"{}")])
async def test_what_is_no_plain_read_is_never_repeated(method: str, body: bytes) -> None:
    token = "secret-token"
    network = Network(REFUSED, 200)
    async with network.gateway(table=WRITABLE, gateway_operator_token=token) as port:
        assert (await ask(port, PATH, method, TOKEN, body)).status == 502
    assert network.calls == 1


async def test_a_read_that_the_service_is_busy_with_is_not_repeated() -> None:
    network = Network(httpx.ReadTimeout("slow"), 200)
    async with network.gateway() as port:
        assert (await ask(port, PATH)).status == 504
    assert network.calls == 1


LOST = [httpx.ReadError("reset"), httpx.RemoteProtocolError("Server disconnected")]


@pytest.mark.parametrize("error", LOST)
async def test_a_read_on_a_connection_that_is_lost_is_repeated_once(error: Exception) -> None:
    network = Network(error, 200)
    async with network.gateway() as port:
        assert (await ask(port, PATH)).status == 200
    assert network.calls == 2


@pytest.mark.parametrize("error", LOST)
async def test_a_read_that_may_bring_a_service_down_is_not_repeated_again(error: Exception) -> None:
    network = Network(error, error, 200)
    async with network.gateway() as port:
        answer = await ask(port, PATH)
    check_problem(answer, 502, "upstream-broken")
    assert network.calls == 2


async def test_a_service_that_closes_its_idle_connections_as_they_are_used_is_asked_again() -> None:
    asked = 0

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            asked += 1
        writer.close()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with gateway(gateway_routes_url=url) as port:
            assert (await ask(port, PATH)).status == 204
            assert (await ask(port, PATH)).status == 204
    assert asked == 1


async def test_a_5xx_of_a_service_is_passed_on_and_not_repeated() -> None:
    service = Recorder(status=503)
    async with gateway_before(service) as port:
        assert (await ask(port, PATH)).body == b"ok"
    assert len(service.seen) == 1


async def test_the_access_log_says_which_service_answered_what_and_when() -> None:
    with capture_logs() as logs:
        async with gateway_before(Recorder(status=201)) as port:
            await ask(port, PATH, headers=[("X-Request-ID", "req-00000003")])
    (line,) = [each for each in logs if each["event"] == "request"]
    assert (line["upstream"], line["upstream_status"], line["status"]) == ("routes", 201, 201)
    assert 0 < line["upstream_ms"] <= line["duration_ms"]
    assert line["client"] == "127.0.0.1"
    assert "disconnect" not in line


async def test_the_access_log_says_that_a_client_left() -> None:
    service = Slow()
    with capture_logs() as logs:
        async with gateway_before(service) as port:
            async with connection(port) as conn:
                await conn.write(request(PATH))
                await service.asked.wait()
            async with asyncio.timeout(10):
                await service.caller_gone.wait()
    (line,) = [each for each in logs if each["event"] == "request"]
    assert line["disconnect"] is True


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_what_became_of_requests_is_counted_by_service() -> None:
    name = "bgpilot_gateway_upstream_answers_total"
    before = sample(name, service="routes", outcome="4xx")
    async with gateway_before(Recorder(status=404)) as port:
        await ask(port, f"{PATH}/10.0.0.0/8")
        text = (await ask(port, "/metrics")).body.decode()
    assert sample(name, service="routes", outcome="4xx") == before + 1
    assert 'bgpilot_http_requests_total{method="GET",route="/api/v1/routes",status="404"}' in text
    assert "10.0.0.0" not in text
