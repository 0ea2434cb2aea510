"""What never gets past the gateway, and what it says about it."""

from __future__ import annotations

import asyncio

import pytest

from gateway.guard import fault
from tests.gateway.harness.client import ask, connection, request, send
from tests.gateway.harness.services import Recorder
from tests.gateway.harness.serving import Protocol, gateway_before

PATH = "/api/v1/routes"
PROTOCOLS: list[Protocol] = ["httptools", "h11"]

AMBIGUOUS_PATHS = [
    "/api/v1/routes/../failover",
    "/api/v1/routes/./x",
    "/api/v1/routes/..",
    "/api/v1/routes/%2e%2e/failover",
    "/api/v1/routes/.%2E/failover",
    "/api/v1/routes/%2E",
    "/api/v1/routes/..%2Ffailover",
    "/../api/v1/routes",
    "//api/v1/routes",
    "/api//v1/routes",
    "/api/v1/routes//",
    "/api/v1/routes/%2F%2F",
    "/api/v1/routes\\x",
    "/api/v1/routes/%5Cx",
    "/api/v1/routes/%00",
    "/api/v1/routes/%0d%0ax",
    "/api/v1/routes/%7f",
    "/api/v1/routes/%zz",
    "/api/v1/routes/%",
    "/api/v1/routes/<x>",
    "/docs/../api/v1/routes",
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("target", AMBIGUOUS_PATHS)
async def test_a_path_that_two_servers_could_read_differently_is_400(
    target: str, protocol: Protocol
) -> None:
    service = Recorder()
    async with gateway_before(service, protocol=protocol) as port:
        answer = await ask(port, target)
    assert answer.status == 400
    assert answer.problem["type"] == "urn:bgpilot:problem:malformed-request"
    assert "path" in answer.problem["detail"]
    assert not service.seen


FRAMING = {
    "content length and transfer encoding": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "the same in the other order": "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "two hosts": "Host: other\r\n",
    "the same host twice": "Host: gateway\r\n",
    "two content lengths": "Content-Length: 5\r\nContent-Length: 6\r\n",
    "an encoding that is not chunked": "Transfer-Encoding: gzip, chunked\r\n",
    "a space before the colon": "X-A : 1\r\n",
    "a folded header": "X-A: 1\r\n 2\r\n",
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("extra", FRAMING.values(), ids=FRAMING.keys())
async def test_a_request_whose_end_or_host_is_in_doubt_is_refused(
    extra: str, protocol: Protocol
) -> None:
    data = f"POST {PATH} HTTP/1.1\r\nHost: gateway\r\n{extra}\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
    service = Recorder()
    async with gateway_before(service, protocol=protocol) as port, connection(port) as conn:
        await conn.write(data.encode())
        answer = await conn.answer()
    # h11 unfolds a folded header, which then is one header for everybody.
    unfolded = "\r\n 2" in extra and protocol == "h11"
    assert answer.status in {400, 501} or (unfolded and answer.status == 405), answer
    assert not service.seen


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([(b"content-length", b"5"), (b"transfer-encoding", b"chunked")], "Transfer-Encoding"),
        ([(b"content-length", b"5"), (b"content-length", b"5")], "Content-Length"),
        ([(b"transfer-encoding", b"gzip")], "chunked"),
        ([(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], "chunked"),
        ([(b"host", b"again")], "one Host"),
    ],
)
def test_the_guard_does_not_lean_on_the_parser_in_front_of_it(
    headers: list[tuple[bytes, bytes]], words: str
) -> None:
    scope = {
        "raw_path": b"/",
        "query_string": b"",
        "http_version": "1.1",
        "headers": [(b"host", b"gateway"), *headers],
    }
    found = fault(scope)
    assert found is not None
    assert words in found


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_request_without_a_host_is_400(protocol: Protocol) -> None:
    async with gateway_before(Recorder(), protocol=protocol) as port:
        assert (await send(port, f"GET {PATH} HTTP/1.1\r\n\r\n".encode())).status == 400


@pytest.mark.parametrize("host", ["[", "a b", "user@gateway", "gateway/x", "gateway:80:80"])
async def test_a_host_that_is_none_is_400(host: str) -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        answer = await send(port, request(PATH, host=host))
    assert answer.problem["status"] == 400
    assert not service.seen


@pytest.mark.parametrize("host", ["gateway", "gateway:8080", "[::1]:8080", "192.0.2.1", "a_b-c.d"])
async def test_a_usual_host_is_served(host: str) -> None:
    async with gateway_before(Recorder()) as port:
        assert (await send(port, request(PATH, host=host))).status == 200


async def test_a_query_with_bytes_that_must_be_encoded_is_400() -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        answer = await send(port, request(f"{PATH}?q=caf\xe9"))
    assert answer.status == 400
    assert not service.seen


@pytest.mark.parametrize(
    "target",
    [
        "/api",
        "/api/v1",
        "/api/v1/reports",
        "/api/v1/routesX",
        "/api/v1/rout%65s",
        "/api%2Fv1/routes",
        "/API/v1/routes",
        "/api/v2/routes",
        "/docs/",
    ],
)
async def test_what_the_table_does_not_name_is_404(target: str) -> None:
    service = Recorder()
    async with gateway_before(service) as port:
        answer = await ask(port, target)
    assert answer.problem["status"] == 404
    assert not service.seen


async def test_a_refusal_has_a_request_id_and_a_connection_that_ends() -> None:
    async with gateway_before(Recorder()) as port:
        answer = await ask(port, "/api/v1/../x", headers=[("X-Request-ID", "req-00000002")])
    assert answer.header("x-request-id") == answer.problem["request_id"] == "req-00000002"
    assert answer.header("connection") == "close"


async def test_a_body_that_says_it_is_too_large_is_413_before_anything_is_forwarded() -> None:
    service = Recorder()
    async with gateway_before(service) as port, connection(port) as conn:
        await conn.write(request(PATH, headers=[("Content-Length", "1000001")]))
        answer = await conn.answer()
    assert answer.problem["status"] == 413
    assert "1,000,000 bytes" in answer.problem["detail"]
    assert not service.seen


async def test_a_body_that_grows_too_large_is_413_and_its_forwarding_is_cancelled() -> None:
    service = Recorder()
    async with (
        gateway_before(service, gateway_max_body_bytes=10) as port,
        connection(port) as conn,
    ):
        await conn.write(request(PATH, headers=[("Transfer-Encoding", "chunked")]))
        await conn.write(b"6\r\n123456\r\n6\r\n789012\r\n")
        answer = await conn.answer()
    assert answer.problem["status"] == 413
    assert not service.seen


async def test_a_body_of_exactly_the_limit_is_forwarded() -> None:
    service = Recorder()
    async with gateway_before(service, gateway_max_body_bytes=10) as port:
        assert (await ask(port, PATH, body=b"0123456789")).status == 200
    assert service.last.body == b"0123456789"


async def test_a_client_that_stops_within_its_body_is_408() -> None:
    async with (
        gateway_before(Recorder(), gateway_body_seconds=0.05) as port,
        connection(port) as conn,
    ):
        await conn.write(request(PATH, headers=[("Content-Length", "10")]) + b"half!")
        async with asyncio.timeout(10):
            answer = await conn.answer()
    assert answer.problem["status"] == 408
