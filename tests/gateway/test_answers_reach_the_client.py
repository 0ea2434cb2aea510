"""What a client gets of a service's answer."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING

import pytest

from tests.gateway.harness.client import CutShort, ask, connection, request
from tests.gateway.harness.services import Recorder, Slow
from tests.gateway.harness.serving import gateway, gateway_before, serving, speaking

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PATH = "/api/v1/routes"


async def test_repeated_headers_of_an_answer_come_back_repeated() -> None:
    cookies = [(b"set-cookie", b"a=1"), (b"x-b", b"b"), (b"set-cookie", b"c=2")]
    async with gateway_before(Recorder(headers=[*cookies, (b"content-length", b"2")])) as port:
        answer = await ask(port, PATH)
    assert answer.all("set-cookie") == ["a=1", "c=2"]
    assert answer.header("x-b") == "b"
    assert len(answer.all("date")) == 1


async def test_headers_of_the_hop_to_the_service_do_not_come_back() -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nConnection: close, X-Evil\r\nX-Evil: 1\r\nKeep-Alive: timeout=9\r\n"
        b"Proxy-Authenticate: Basic\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n"
        b"X-Good: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    )
    async with speaking(raw) as url, gateway(gateway_routes_url=url) as port:
        answer = await ask(port, PATH)
    names = {name for name, _ in answer.headers}
    gone = {"connection", "x-evil", "keep-alive", "proxy-authenticate", "trailer"}
    assert not names & gone
    assert (answer.body, answer.header("x-good")) == (b"ok", "1")
    assert answer.all("transfer-encoding") == ["chunked"]


async def test_a_length_that_does_not_count_does_not_come_back() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = head + b"2\r\nok\r\n0\r\n\r\n"
    async with speaking(raw) as url, gateway(gateway_routes_url=url) as port:
        answer = await ask(port, PATH)
    assert (answer.body, answer.all("content-length")) == (b"ok", [])


async def test_a_compressed_answer_comes_back_as_it_was() -> None:
    body = gzip.compress(b'{"data": []}' * 1000)
    length = str(len(body)).encode()
    headers = [(b"content-encoding", b"gzip"), (b"content-length", length)]
    async with gateway_before(Recorder(headers=headers, body=body)) as port:
        answer = await ask(port, PATH, headers=[("Accept-Encoding", "gzip")])
    assert answer.body == body
    assert answer.header("content-encoding") == "gzip"
    assert answer.header("content-length") == str(len(body))


async def test_head_is_get_for_the_service_and_an_answer_without_its_body() -> None:
    service = Recorder(headers=[(b"content-length", b"4711")], body=b"x" * 4711)
    async with gateway_before(service) as port, connection(port) as conn:
        for _ in range(2):
            await conn.write(request(PATH, "HEAD"))
            answer = await conn.answer("HEAD")
            assert (answer.status, answer.header("content-length")) == (200, "4711")
            assert answer.body == b""
            assert service.last.method == "GET"


@pytest.mark.parametrize("service", [Recorder(), None])
async def test_options_is_answered_here_with_what_is_allowed(service: Recorder | None) -> None:
    async with gateway_before(service) if service else gateway() as port:
        answer = await ask(port, PATH, "OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("allow") == "GET, HEAD, OPTIONS"
    assert not service or not service.seen


async def test_options_of_what_is_not_there_is_404() -> None:
    async with gateway() as port:
        assert (await ask(port, "/api/v1/nothing", "OPTIONS")).problem["status"] == 404


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_leaves_the_connection_usable(status: int) -> None:
    service = Recorder(status=status, headers=[(b"etag", b'"1"')], body=b"")
    async with gateway_before(service) as port, connection(port) as conn:
        for _ in range(2):
            await conn.write(request(PATH))
            answer = await conn.answer()
            assert (answer.status, answer.body, answer.header("etag")) == (status, b"", '"1"')
            assert not answer.all("transfer-encoding")


async def test_a_problem_of_a_service_comes_back_unchanged() -> None:
    body = json.dumps({"type": "urn:x", "status": 422, "detail": "prefix: host bits"}).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    async with gateway_before(Recorder(422, headers, body)) as port:
        answer = await ask(port, PATH)
    assert (answer.status, answer.body) == (422, body)
    assert answer.header("content-type") == "application/problem+json"


async def test_a_redirect_is_passed_on_and_does_not_name_the_service() -> None:
    service = Recorder(status=307, body=b"")
    async with serving(service, lifespan="off") as inner:
        origin = f"http://127.0.0.1:{inner}"
        async with gateway(gateway_routes_url=origin) as port:
            for location, expected in [
                (f"{origin}/api/v1/routes?x=1", "/api/v1/routes?x=1"),
                ("../peers", "../peers"),
                ("https://elsewhere.example/", "https://elsewhere.example/"),
            ]:
                service.headers = [(b"location", location.encode()), (b"content-length", b"0")]
                answer = await ask(port, PATH)
                assert (answer.status, answer.header("location")) == (307, expected)
    assert len(service.seen) == 3


async def test_each_part_of_an_answer_is_passed_on_when_it_comes() -> None:
    service = Slow(first=b"data: 1\n\n", rest=b"data: 2\n\n")
    async with gateway_before(service) as port, connection(port) as conn:
        await conn.write(request(PATH))
        parts = []
        async with asyncio.timeout(10):
            async for event in conn.events():
                data = getattr(event, "data", None)
                if data:
                    parts.append(bytes(data))
                    service.release.set()
    assert parts == [b"data: 1\n\n", b"data: 2\n\n"]


async def test_a_client_that_does_not_read_makes_the_service_wait() -> None:
    total, chunk = 64, bytes(1_000_000)
    made = 0
    all_made = asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(total):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            made += 1
        all_made.set()
        await send({"type": "http.response.body", "body": b""})

    async with gateway_before(service) as port, connection(port) as conn:
        await conn.write(request(PATH))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(all_made.wait(), timeout=1.0)
        assert 0 < made < total // 2
        size = 0
        async for event in conn.events():
            size += len(getattr(event, "data", b""))
    assert size == total * len(chunk)


async def test_a_request_is_cancelled_when_its_client_goes_before_the_answer() -> None:
    service = Slow()
    async with gateway_before(service) as port:
        async with connection(port) as conn:
            await conn.write(request(PATH))
            await service.asked.wait()
        async with asyncio.timeout(10):
            await service.caller_gone.wait()


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_a_request_is_cancelled_when_its_client_goes_within_the_answer(end: str) -> None:
    service = Slow(first=b"data: 1\n\n")
    async with gateway_before(service) as port, connection(port) as conn:
        await conn.write(request(PATH))
        async for event in conn.events():
            if getattr(event, "data", None):
                break
        getattr(conn, end)()
        async with asyncio.timeout(10):
            await service.caller_gone.wait()


async def test_a_request_is_cancelled_when_a_client_goes_that_had_stopped_reading() -> None:
    stuck, gone = asyncio.Event(), asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        watch = asyncio.ensure_future(receive())
        while not watch.done():
            part = {"type": "http.response.body", "body": bytes(1_000_000), "more_body": True}
            sending = asyncio.ensure_future(send(part))
            if not (await asyncio.wait({sending}, timeout=0.5))[0]:
                stuck.set()
            await sending
        gone.set()

    async with gateway_before(service) as port:
        async with connection(port) as conn:
            await conn.write(request(PATH))
            async with asyncio.timeout(10):
                await stuck.wait()
            conn.abort()
        async with asyncio.timeout(10):
            await gone.wait()


async def test_a_request_is_cancelled_when_its_client_goes_within_its_body() -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            begun.set()
        gone.set()

    async with gateway_before(service) as port, asyncio.timeout(10):
        async with connection(port) as conn:
            await conn.write(request(PATH, headers=[("Content-Length", "10")]) + b"half!")
            await begun.wait()
        await gone.wait()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
    ],
)
async def test_a_client_can_tell_that_an_answer_was_cut(raw: bytes) -> None:
    async with speaking(raw) as url, gateway(gateway_routes_url=url) as port:
        with pytest.raises(CutShort) as cut:
            await ask(port, PATH)
    assert cut.value.body == b"part"
