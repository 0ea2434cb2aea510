"""WebSockets that the gateway, or the service behind it, does not open."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from tests.gateway.harness.client import ask, connection
from tests.gateway.harness.serving import gateway, gateway_before, refusing, serving, silent
from tests.gateway.harness.sockets import PATH, Listening, attach, echo, talking

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send
    from websockets.http11 import Response

HANDSHAKE = (
    "GET {target} HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


async def refusal(port: int, target: str = PATH, **options: Any) -> Response:
    """The answer to a handshake that must fail."""
    with pytest.raises(InvalidStatus) as caught:
        await attach(port, target, **options)
    return caught.value.response


def problem(answer: Response) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = orjson.loads(answer.body or b"")
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["X-Request-ID"]
    return document


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://gateway.evil", "null", "http://127.0.0.1", "file://", ""],
)
async def test_a_page_of_another_site_may_not_listen_in(origin: str) -> None:
    service = Listening()
    async with gateway_before(talking(service)) as port:
        answer = await refusal(port, additional_headers={"Origin": origin})
    assert answer.status_code == 403
    assert problem(answer)["type"] == "urn:bgpilot:problem:origin-not-allowed"
    assert not service.connected.is_set()


async def test_a_page_of_two_sites_is_of_none() -> None:
    async with gateway_before(talking(echo)) as port:
        own = f"http://127.0.0.1:{port}"
        headers = [("Origin", own), ("Origin", "https://evil.example")]
        assert (await refusal(port, additional_headers=headers)).status_code in {400, 403}


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
async def test_a_page_of_our_own_may_and_its_origin_goes_no_further(scheme: str) -> None:
    service = Listening()
    async with gateway_before(talking(service)) as port:
        headers = {"Origin": f"{scheme}://127.0.0.1:{port}"}
        async with attach(port, additional_headers=headers):
            await service.connected.wait()
    assert b"origin" not in dict(service.scope["headers"])


@pytest.mark.parametrize("allowed", ["https://noc.example, http://other.example:81", "*"])
async def test_other_sites_may_where_the_settings_name_them(allowed: str) -> None:
    async with (
        gateway_before(talking(echo), gateway_allowed_origins=allowed) as port,
        attach(port, additional_headers={"Origin": "https://NOC.example"}) as ws,
    ):
        await ws.send("hello")
        assert await ws.recv() == "hello"


async def test_a_default_port_makes_no_other_site() -> None:
    more = "Origin: https://gateway:443\r\n"
    async with gateway_before(talking(echo)) as port, connection(port) as conn:
        await conn.write(HANDSHAKE.format(target=PATH, more=more).encode())
        assert await conn.read_line() == b"HTTP/1.1 101 Switching Protocols\r\n"


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("/v1/ws/../stream", ""),
        ("/v1/ws/%2e%2e/stream", ""),
        ("/v1//ws/", ""),
        (PATH, "Host: other\r\n"),
        (PATH, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    ],
)
async def test_a_handshake_that_two_servers_could_read_differently_is_400(
    target: str, more: str
) -> None:
    service = Listening()
    async with gateway_before(talking(service)) as port, connection(port) as conn:
        await conn.write(HANDSHAKE.format(target=target, more=more).encode())
        assert (await conn.read_line()).startswith(b"HTTP/1.1 400 ")
    assert not service.connected.is_set()


async def test_a_path_is_a_websocket_or_it_is_not() -> None:
    async with gateway_before(talking(echo)) as port:
        assert (await refusal(port, "/api/v1/routes")).status_code == 404
        assert (await refusal(port, "/api/v1/stream/")).status_code == 404
        assert (await refusal(port, "/nothing")).status_code == 403
        answer = await ask(port, PATH)
    assert (answer.status, answer.header("upgrade")) == (426, "websocket")
    assert "WebSocket" in answer.problem["detail"]


async def test_a_service_that_is_away_is_named() -> None:
    with refusing() as url:
        async with gateway(gateway_routes_url=url) as port:
            answer = await refusal(port)
    assert answer.status_code == 502
    assert problem(answer)["type"] == "urn:bgpilot:problem:upstream-connect-failure"
    assert url in problem(answer)["detail"]


async def test_a_service_that_is_disabled_is_named() -> None:
    async with gateway() as port:
        answer = await refusal(port)
    assert answer.status_code == 503
    assert problem(answer)["type"] == "urn:bgpilot:problem:upstream-disabled"


async def test_a_service_that_says_nothing_is_504() -> None:
    with silent() as url:
        async with gateway(gateway_routes_url=url, gateway_answer_seconds=0.05) as port:
            answer = await refusal(port)
    assert answer.status_code == 504
    assert problem(answer)["type"] == "urn:bgpilot:problem:upstream-timeout"


@pytest.mark.parametrize("status", [307, 401, 404, 429, 500])
async def test_the_service_s_own_refusal_is_passed_on_and_a_redirect_not_followed(
    status: int,
) -> None:
    asked = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        headers = [(b"retry-after", b"7"), (b"location", b"/v1/ws/"), (b"content-type", b"a/b")]
        start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b"no"})

    async with gateway_before(app) as port, connection(port) as conn:
        await conn.write(HANDSHAKE.format(target=PATH, more="").encode())
        answer = await conn.answer()
    assert (answer.status, answer.body, asked) == (status, b"no", 1)
    assert (answer.header("retry-after"), answer.header("content-type")) == ("7", "a/b")
    assert answer.header("location") == "/v1/ws/"


async def test_there_are_only_so_many_and_half_of_them_for_one_address() -> None:
    service = Listening()
    async with (
        gateway_before(talking(service), gateway_max_streams=4) as port,
        attach(port),
        attach(port) as second,
    ):
        answer = await refusal(port)
        assert answer.status_code == 429
        assert "127.0.0.1 has 2 live streams" in problem(answer)["detail"]
        assert answer.headers["Retry-After"]
        await second.close()
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(InvalidStatus):
                    async with attach(port):
                        break


async def test_when_all_are_taken_others_are_told_so_and_questions_still_answered() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await talking(echo)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async with (
        serving(app, lifespan="off") as service,
        gateway(gateway_routes_url=f"http://127.0.0.1:{service}", gateway_max_streams=1) as port,
        attach(port),
    ):
        answer = await refusal(port)
        assert answer.status_code == 503
        assert problem(answer)["type"] == "urn:bgpilot:problem:no-stream-left"
        assert (await ask(port, "/v1/stream/")).status == 503
        assert (await ask(port, "/api/v1/routes")).body == b"ok"
