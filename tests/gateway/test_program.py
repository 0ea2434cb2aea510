"""`python -m gateway` as a person or a supervisor runs it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING

import pytest

from tests.gateway.harness.client import ask, connection, request
from tests.gateway.harness.services import Recorder, Slow
from tests.gateway.harness.serving import serving
from tests.gateway.harness.sockets import Listening, attach, talking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def program(**variables: str) -> AsyncIterator[Process]:
    """The running program, killed afterwards if need be."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway"), stdout=PIPE, stderr=PIPE, env=keep | variables
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def running(process: Process, port: str) -> None:
    """Returns when the program takes connections."""
    async with asyncio.timeout(30):
        while process.returncode is None:
            with contextlib.suppress(ConnectionRefusedError):
                assert (await ask(int(port), "/livez")).status == 200
                return
            # A process has no event for this.
            await asyncio.sleep(0.02)
    pytest.fail(f"it ended with {process.returncode}")


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_forwards_until_a_signal_and_then_exits_with_0(number: signal.Signals) -> None:
    service = Recorder()
    port = free_port()
    async with serving(service, lifespan="off") as routes:
        variables = {
            "GATEWAY_HTTP_PORT": port,
            "GATEWAY_ROUTES_URL": f"http://127.0.0.1:{routes}",
            "GATEWAY_INGEST_URL": "",
        }
        async with program(**variables) as process:
            await running(process, port)
            forged = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-Proto", "https")]
            answer = await ask(int(port), "/api/v1/routes/10.0.0.0%2F8", headers=forged)
            assert (answer.status, answer.body) == (200, b"ok")
            assert not answer.all("server")
            process.send_signal(number)
            out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b'"upstream":"routes"' in out
    assert service.last.all("x-forwarded-for") == ["127.0.0.1"]
    assert service.last.all("x-forwarded-proto") == ["http"]


async def test_a_proxy_in_front_that_is_named_is_believed() -> None:
    service = Recorder()
    port = free_port()
    async with serving(service, lifespan="off") as routes:
        variables = {
            "GATEWAY_HTTP_PORT": port,
            "GATEWAY_ROUTES_URL": f"http://127.0.0.1:{routes}",
            "FORWARDED_ALLOW_IPS": "127.0.0.1",
        }
        async with program(**variables) as process:
            await running(process, port)
            given = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-Proto", "https")]
            await ask(int(port), "/api/v1/routes", headers=given)
    assert service.last.all("x-forwarded-for") == ["192.0.2.66"]
    assert service.last.all("x-forwarded-proto") == ["https"]


async def test_an_answer_without_end_does_not_keep_it_from_stopping() -> None:
    service = Slow(first=b"data: 1\n\n")
    port = free_port()
    async with serving(service, lifespan="off") as routes:
        variables = {
            "GATEWAY_HTTP_PORT": port,
            "GATEWAY_ROUTES_URL": f"http://127.0.0.1:{routes}",
        }
        async with program(**variables) as process:
            await running(process, port)
            async with connection(int(port)) as conn:
                await conn.write(request("/api/v1/routes"))
                await service.asked.wait()
                process.terminate()
                async with asyncio.timeout(20):
                    await process.communicate()
    assert process.returncode == 0
    assert service.caller_gone.is_set()


async def test_an_open_websocket_is_told_of_the_stop_and_does_not_delay_it() -> None:
    service = Listening()
    port = free_port()
    async with serving(talking(service), lifespan="off") as routes:
        variables = {
            "GATEWAY_HTTP_PORT": port,
            "GATEWAY_ROUTES_URL": f"http://127.0.0.1:{routes}",
        }
        async with program(**variables) as process:
            await running(process, port)
            async with attach(int(port)) as ws:
                await ws.send("hello")
                await service.connected.wait()
                process.terminate()
                async with asyncio.timeout(20):
                    await ws.wait_closed()
                    out, _ = await process.communicate()
    assert process.returncode == 0
    assert ws.close_code == 1012
    assert service.heard == ["hello"]
    assert (await service.ended)[0] == 1012
    assert b'"status":101' in out


async def test_a_port_in_use_is_one_sentence_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with program(GATEWAY_HTTP_PORT=port) as process:
            _, err = await process.communicate()
    assert process.returncode == 1
    assert err.decode().count("\n") == 1
    assert f"127.0.0.1:{port}" in err.decode()
    assert "GATEWAY_HTTP_PORT" in err.decode()


async def test_settings_that_cannot_be_used_are_one_sentence_and_exit_code_1() -> None:
    variables = {"GATEWAY_HTTP_PORT": "many", "GATEWAY_ROUTES_URL": "routes:8082"}
    async with program(**variables) as process:
        _, err = await process.communicate()
    assert process.returncode == 1
    assert err.decode().count("\n") == 1
    assert all(name in err.decode() for name in variables)
