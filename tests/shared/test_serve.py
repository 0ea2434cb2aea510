"""The sockets that the programs listen on."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
import uvloop

from shared.errors import UserError
from shared.web.serve import configuration, end_stalled, listen

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

ROOT = Path(__file__).parents[2]
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_the_second_of_two_that_listen_on_one_address_is_told_so_at_once() -> None:
    with closing(listen("127.0.0.1", 0, variable="ONE_PORT")) as first:
        port = first.getsockname()[1]
        with pytest.raises(UserError, match=f"127.0.0.1:{port}: .* in use; .* set OTHER_PORT"):
            listen("127.0.0.1", port, variable="OTHER_PORT")


def test_what_is_accepted_is_told_to_be_tcp_so_that_answers_are_sent_at_once() -> None:
    with (
        closing(listen("127.0.0.1", 0, variable="PORT")) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_connects_before_the_server_runs_is_served_later(
    new_loop: type[asyncio.AbstractEventLoop],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        server.should_exit = True
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = uvicorn.Server(configuration(app))
    with (
        closing(listen("127.0.0.1", 0, variable="PORT")) as listener,
        socket.create_connection(listener.getsockname()) as early,
        asyncio.Runner(loop_factory=new_loop) as runner,
    ):
        early.sendall(REQUEST)
        early.settimeout(10)
        runner.run(server.serve(sockets=[listener]))
        assert early.recv(100).startswith(b"HTTP/1.1 204 ")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone has it")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_stays_and_reads_nothing_is_let_go(
    new_loop: type[asyncio.AbstractEventLoop],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        assert gone.result()["type"] == "http.disconnect"
        server.should_exit = True

    config = configuration(app)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    with closing(listen("127.0.0.1", 0, variable="PORT")) as listener:
        end_stalled(listener, seconds=0.1)
        with (
            socket.create_connection(listener.getsockname()) as idle,
            asyncio.Runner(loop_factory=new_loop) as runner,
        ):
            idle.sendall(REQUEST)
            runner.run(asyncio.wait_for(server.serve(sockets=[listener]), 30))


_APP = """
import gc, json, signal
from shared.web.serve import serve

async def app(scope, receive, send):
    await receive()
    if scope["type"] == "lifespan":
        app.state = ["made at the start"]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    left = [gc.is_tracked(app.state), any(one is app.state for one in gc.get_objects())]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(left).encode()})
    signal.raise_signal(signal.SIGTERM)

serve(app, "127.0.0.1", PORT, variable="PORT")
"""


def test_what_is_there_at_the_start_is_no_work_for_the_garbage_collector() -> None:
    with closing(listen("127.0.0.1", 0, variable="PORT")) as free:
        port = free.getsockname()[1]
    code = _APP.replace("PORT, v", f"{port}, v")
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as program:
        # It tries again, after twice as long each time, until somebody listens.
        with httpx.Client(transport=httpx.HTTPTransport(retries=7), timeout=10) as client:
            answer = client.get(f"http://127.0.0.1:{port}/")
        assert answer.json() == [True, False]
        assert program.wait(10) == 0
