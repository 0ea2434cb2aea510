"""Probes of servers that answer, refuse, are silent, or cannot even be looked for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from services.failover.inputs.probes import Probe
from services.failover.policy.model import Health, Reading, Role, Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def read(url: str, seconds: float = 5.0) -> Reading:
    return await Probe(url, site=Site.REMOTE, seconds=seconds, now=lambda: NOW).read()


@contextlib.asynccontextmanager
async def saying(answer: bytes | None) -> AsyncIterator[str]:
    """The address of a server that says this to whoever asks; None: it says nothing."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is None:
            await over.wait()
        else:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        over.set()


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (200, Health.HEALTHY),
        (302, Health.HEALTHY),
        (404, Health.UNHEALTHY),
        (503, Health.UNHEALTHY),
    ],
)
async def test_the_status_of_an_http_answer_says_how_it_is(status: int, health: Health) -> None:
    answer = b"HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status
    async with saying(answer) as address:
        found = await read(f"http://{address}/health")
    assert (found.health, found.detail) == (health, f"status {status}")
    assert (found.observer, found.role) == (f"probe:http://{address}/health", Role.SERVICE)
    assert (found.site, found.at) == (Site.REMOTE, NOW)


async def test_a_server_that_takes_connections_is_well_over_tcp() -> None:
    async with saying(None) as address:
        assert (await read(f"tcp://{address}")).health is Health.HEALTHY


async def test_a_server_that_is_silent_is_ill() -> None:
    async with saying(None) as address:
        found = await read(f"http://{address}/", seconds=0.1)
    assert (found.health, found.detail) == (Health.UNHEALTHY, "no answer within 0.1 s")


@pytest.mark.parametrize("scheme", ["tcp", "http"])
async def test_a_port_where_nothing_listens_is_ill(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = await read(f"{scheme}://127.0.0.1:{port}")
    assert found.health is Health.UNHEALTHY
    assert found.detail


@pytest.mark.parametrize("scheme", ["tcp", "http"])
async def test_of_a_name_that_cannot_be_resolved_nothing_is_known(scheme: str) -> None:
    # RFC 6761 6.4: no resolver knows it.
    found = await read(f"{scheme}://nothing.invalid:80")
    assert found.health is Health.UNKNOWN
