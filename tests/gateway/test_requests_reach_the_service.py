"""What a service gets of a request that the gateway forwards."""

from __future__ import annotations

import asyncio
import gzip
import os
from typing import TYPE_CHECKING

import pytest

from gateway.upstreams import TABLE, Forward
from tests.gateway.harness.client import ask, connection, request
from tests.gateway.harness.services import Recorder
from tests.gateway.harness.serving import gateway, gateway_before, serving

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PATH = "/api/v1/routes"


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/routes/10.0.0.0%2F8",
        "/api/v1/routes/10.0.0.0/8",
        "/api/v1/routes/2001:db8::%2f32",
        "/api/v1/routes/",
        "/api/v1/routes?x=1%202&x=3&x=&y",
        "/api/v1/routes?prefix=10.0.0.0/8&as_path=%5E65000+65001$&q=a%2Fb%zz",
        "/api/v1/routes?next=/../x//y",
        "/api/v1/routes/caf%C3%A9;v=1,2",
    ],
)
async def test_path_and_query_arrive_byte_for_byte(target: str) -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        assert (await ask(port, target)).status == 200
    path, _, query = target.encode().partition(b"?")
    assert (service.last.raw_path, service.last.query) == (path, query)


@pytest.mark.parametrize(
    "entry", [each for each in TABLE if each.service == "routes" and each.kind != "websocket"]
)
async def test_every_path_of_the_table_and_what_is_below_it_reaches_its_service(
    entry: Forward,
) -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        for target in (entry.path, f"{entry.path}/", f"{entry.path}/10.0.0.0%2F8?format=json"):
            assert (await ask(port, target)).status == 200
            assert service.last.raw_path == target.partition("?")[0].encode()
        assert (await ask(port, f"{entry.path}x")).status == 404


async def test_a_plain_request_arrives_with_no_header_that_nobody_sent() -> None:
    service = Recorder()
    async with serving(service, lifespan="off") as port:
        url = f"http://127.0.0.1:{port}"
        async with gateway(gateway_routes_url=url) as public:
            await ask(public, PATH, headers=[("X-Request-ID", "req-00000001")])
    assert sorted(service.last.headers) == [
        (b"host", f"127.0.0.1:{port}".encode()),
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-host", b"gateway"),
        (b"x-forwarded-proto", b"http"),
        (b"x-request-id", b"req-00000001"),
    ]


async def test_repeated_headers_arrive_repeated_and_in_order() -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        await ask(port, PATH, headers=[("X-A", "2"), ("X-B", "b"), ("X-A", "1"), ("x-a", "2")])
    assert service.last.all("x-a") == ["2", "1", "2"]


async def test_headers_of_one_hop_stay_on_that_hop() -> None:
    service = Recorder()
    headers = [
        ("Connection", "close, X-Evil"),
        ("Connection", "x-other , Host, Content-Length, X-Forwarded-For"),
        ("X-Evil", "1"),
        ("X-Other", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("Trailer", "X-Sum"),
        ("Accept", "*/*"),
    ]
    async with gateway_before(service) as port:
        await ask(port, PATH, "GET", headers, body=b"five!")
    ours = {"host", "content-length", "x-request-id"}
    forwarded = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
    assert service.last.names == {"accept", *ours, *forwarded}
    assert service.last.body == b"five!"


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-For", "X_Forwarded_For", "X-Forwarded-Proto", "X-Forwarded-Host",
        "X-Forwarded-User", "Forwarded", "X-Real-IP", "X-Auth-User", "X_Auth_User", "X-Remote-User",
        "Remote-User", "Remote_User", "X-User-Id", "X-Bgpilot-Identity", "x_bgpilot_identity",
        "Authorization", "X-API-Key", "X_API_Key", "X-HTTP-Method-Override", "X-Original-URL",
    ],
)  # fmt: skip
async def test_nobody_can_say_for_the_gateway_who_asks(name: str) -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        await ask(port, PATH, headers=[(name, "forged"), ("X-Fine", "kept")])
    assert "forged" not in [value.decode() for _, value in service.last.headers]
    assert service.last.all("x-fine") == ["kept"]
    assert service.last.all("x-forwarded-for") == ["127.0.0.1"]


async def test_the_request_id_of_the_caller_reaches_the_service_and_comes_back() -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        answer = await ask(port, PATH, headers=[("X-Request-ID", "my-request.1")])
    assert service.last.all("x-request-id") == ["my-request.1"]
    assert answer.header("x-request-id") == "my-request.1"


async def test_a_request_id_that_could_forge_log_lines_is_replaced() -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        answer = await ask(port, PATH, headers=[("X-Request-ID", 'x" "level":"error')])
    (made,) = service.last.all("x-request-id")
    assert made == answer.header("x-request-id")
    assert len(made) == 32


async def test_a_compressed_body_arrives_as_it_was_sent() -> None:
    service = Recorder()
    body = gzip.compress(os.urandom(100_000))
    async with gateway_before(service) as port:
        await ask(port, PATH, headers=[("Content-Encoding", "gzip")], body=body)
    assert service.last.body == body
    assert service.last.all("content-encoding") == ["gzip"]
    assert service.last.all("content-length") == [str(len(body))]


async def test_a_body_is_streamed_and_not_gathered_first() -> None:
    first_arrived = asyncio.Event()
    chunks = []

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            chunks.append(message["body"])
            first_arrived.set()
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    head = request(PATH, headers=[("Transfer-Encoding", "chunked")])
    async with gateway_before(service) as port, connection(port) as conn:
        await conn.write(head + b"5\r\nfirst\r\n")
        async with asyncio.timeout(10):
            await first_arrived.wait()
        await conn.write(b"6\r\nsecond\r\n0\r\n\r\n")
        assert (await conn.answer()).status == 204
    assert b"".join(chunks) == b"firstsecond"


async def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    service = Recorder()
    headers = [("Expect", "100-continue"), ("Content-Length", "4")]
    async with gateway_before(service) as port, connection(port) as conn:
        await conn.write(request(PATH, headers=headers))
        statuses = []
        async for event in conn.events():
            status = getattr(event, "status_code", None)
            statuses += [status] if status else []
            if status == 100:
                await conn.write(b"body")
    assert statuses == [100, 200]
    assert service.last.body == b"body"
    assert "expect" not in service.last.names


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with gateway_before(Recorder()) as port:
        assert (await ask(port, PATH)).body == b"ok"


async def test_a_cookie_set_for_one_caller_is_not_sent_for_the_next() -> None:
    service = Recorder(headers=[(b"set-cookie", b"who=alice; Path=/"), (b"content-length", b"2")])
    async with gateway_before(service) as port:
        assert (await ask(port, PATH)).header("set-cookie") == "who=alice; Path=/"
        await ask(port, PATH)
        assert "cookie" not in service.last.names
        await ask(port, PATH, headers=[("Cookie", "who=bob")])
    assert service.last.all("cookie") == ["who=bob"]
