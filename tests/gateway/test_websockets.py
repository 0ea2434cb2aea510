"""A WebSocket through the gateway: what passes, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from shared.web.serve import MAX_MESSAGE_BYTES
from tests.gateway.harness.serving import gateway, gateway_before, serving
from tests.gateway.harness.sockets import PATH, Listening, attach, bare_service, echo, talking

if TYPE_CHECKING:
    from starlette.websockets import WebSocket
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.server import ServerConnection


async def ends(ws: ClientConnection) -> tuple[int | None, str | None]:
    """The code and the reason that a client sees in the end."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await ws.recv()
    return ws.close_code, ws.close_reason


@pytest.mark.parametrize("target", ["/v1/ws/", "/v1/ws", "/v1/ws/?client=x", "/api/v1/stream/ws/"])
async def test_messages_pass_both_ways_whole_in_order_and_of_their_kind(target: str) -> None:
    said: list[str | bytes] = ["", "é", b"\x00\xff", "x" * 300_000, *(f"{n}" for n in range(500))]
    async with gateway_before(talking(echo)) as port, attach(port, target) as ws:
        for message in said:
            await ws.send(message)
            assert await ws.recv() == message
        assert ws.protocol.extensions == []


async def test_a_message_in_pieces_arrives_in_one() -> None:
    async with gateway_before(talking(echo)) as port, attach(port) as ws:
        await ws.send(["a", "b", "c"])
        assert await ws.recv() == "abc"


async def test_the_handshake_arrives_as_that_of_any_other_request() -> None:
    target = "/v1/ws/?client=a%2Fb&x=%20+"
    headers = [("X-Request-ID", "req-00000001"), ("X-Forwarded-For", "192.0.2.66"), ("X-A", "1")]
    service = Listening()
    async with (
        gateway_before(talking(service)) as port,
        attach(
            port, target, subprotocols=["ris"], additional_headers=headers, user_agent_header="me"
        ) as ws,
    ):
        assert ws.subprotocol == "ris"
        assert ws.response is not None
        assert ws.response.headers.get_all("X-Request-ID") == ["req-00000001"]
        await service.connected.wait()
    seen = {name.decode(): value.decode() for name, value in service.scope["headers"]}
    path, _, query = target.encode().partition(b"?")
    assert (service.scope["raw_path"], service.scope["query_string"]) == (path, query)
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert (seen["x-a"], seen["user-agent"], seen["x-request-id"]) == ("1", "me", "req-00000001")
    assert len(seen) == len(service.scope["headers"])


async def test_pings_are_answered_on_both_sides_while_nobody_speaks() -> None:
    answered = asyncio.Event()

    async def service(ws: ServerConnection) -> None:
        await (await ws.ping())
        answered.set()
        await ws.wait_closed()

    async with (
        bare_service(service) as url,
        gateway(gateway_routes_url=url) as port,
        attach(port) as ws,
    ):
        await (await ws.ping())
        await answered.wait()


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "bye"), (1008, "too slow: see docs"), (4000, "ours")]
)
async def test_how_the_service_closes_reaches_the_client_after_all_that_it_said(
    code: int, reason: str
) -> None:
    async def service(ws: WebSocket) -> None:
        for n in range(100):
            await ws.send_text(str(n))
        await ws.close(code, reason)

    async with gateway_before(talking(service)) as port, attach(port) as ws:
        assert [await ws.recv() for _ in range(100)] == [str(n) for n in range(100)]
        assert await ends(ws) == (code, reason)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "leaving"), (4001, "ours")])
async def test_how_the_client_closes_reaches_the_service_after_all_that_it_said(
    code: int, reason: str
) -> None:
    service = Listening()
    async with gateway_before(talking(service)) as port:
        async with attach(port) as ws:
            for n in range(100):
                await ws.send(str(n))
            await ws.close(code, reason)
        assert await service.ended == (code, reason)
        assert service.heard == [str(n) for n in range(100)]


async def test_a_client_that_is_killed_is_reported_to_the_service() -> None:
    service = Listening()
    async with gateway_before(talking(service)) as port:
        ws = await attach(port)
        await service.connected.wait()
        ws.transport.abort()
        assert await service.ended == (1001, "the client has gone")


async def test_a_service_that_stops_tells_the_client_to_come_back() -> None:
    async with contextlib.AsyncExitStack() as stack:
        service = Listening()
        url = await stack.enter_async_context(serving(talking(service), lifespan="off"))
        async with (
            gateway(gateway_routes_url=f"http://127.0.0.1:{url}") as port,
            attach(port) as ws,
        ):
            await service.connected.wait()
            await stack.aclose()
            assert await ends(ws) == (1012, "")


async def test_a_service_that_is_killed_is_told_apart_from_one_that_closes() -> None:
    async def service(ws: ServerConnection) -> None:
        await ws.send("before")
        await ws.recv()
        ws.transport.abort()

    async with (
        bare_service(service) as url,
        gateway(gateway_routes_url=url) as port,
        attach(port) as ws,
    ):
        assert await ws.recv() == "before"
        with capture_logs() as logs:
            await ws.send("die")
            assert await ends(ws) == (1012, "the routes service broke off")
    assert "websocket broken off" in [line["event"] for line in logs]


async def test_a_service_that_speaks_nonsense_is_unavailable() -> None:
    async def service(ws: ServerConnection) -> None:
        ws.transport.write(b"\xff\xff\xff\xff")
        await ws.wait_closed()

    async with (
        bare_service(service) as url,
        gateway(gateway_routes_url=url) as port,
        attach(port) as ws,
    ):
        code, reason = await ends(ws)
    assert code == 1013
    assert str(reason).startswith("the routes service: ")


async def test_a_message_that_is_too_long_ends_the_connection_in_either_direction() -> None:
    async with gateway_before(talking(echo)) as port, attach(port) as ws:
        await ws.send("x" * MAX_MESSAGE_BYTES)
        assert len(await ws.recv()) == MAX_MESSAGE_BYTES
        with contextlib.suppress(ConnectionClosedError):
            await ws.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert (await ends(ws))[0] == 1009

    async def long(ws: ServerConnection) -> None:
        await ws.send("x" * (MAX_MESSAGE_BYTES + 1))
        await ws.wait_closed()

    async with (
        bare_service(long) as url,
        gateway(gateway_routes_url=url) as port,
        attach(port) as ws,
    ):
        assert (await ends(ws))[0] == 1009


async def test_each_is_logged_and_counted_when_it_is_over() -> None:
    before = figures()
    with capture_logs() as logs:
        async with gateway_before(talking(echo)) as port, attach(port) as ws:
            await ws.send("hello")
            await ws.recv()
            during = figures()
            await ws.close(1000, "done")
    (line,) = [each for each in logs if each["event"] == "request" and "upstream" in each]
    assert line["path"] == PATH
    assert (line["status"], line["method"], line["client"]) == (101, "GET", "127.0.0.1")
    assert (line["closed_by"], line["close_code"], line["close_reason"]) == ("client", 1000, "done")
    assert [now - then for now, then in zip(during, before, strict=True)] == [1, 1, 1, 0, 0, 0]
    assert [now - then for now, then in zip(figures(), before, strict=True)] == [0, 1, 1, 1, 1, 0]


def figures() -> list[float]:
    """Open ones, messages each way, ended by the client, requests, and requests that were timed."""
    service, route = {"service": "routes"}, {"method": "GET", "route": "/v1/ws"}
    asked = [
        ("bgpilot_gateway_open_streams", {**service, "kind": "websocket"}),
        ("bgpilot_gateway_websocket_messages_total", {**service, "to": "service"}),
        ("bgpilot_gateway_websocket_messages_total", {**service, "to": "client"}),
        ("bgpilot_gateway_websockets_closed_total", {**service, "by": "client"}),
        ("bgpilot_http_requests_total", {**route, "status": "101"}),
        ("bgpilot_http_request_seconds_count", route),
    ]
    return [REGISTRY.get_sample_value(name, labels) or 0 for name, labels in asked]
