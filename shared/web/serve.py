"""Runs an HTTP app until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn
import uvloop
from uvicorn.lifespan.on import LifespanOn

from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_BACKLOG = 512
"""Connections that may wait before they are accepted."""


class _Server(uvicorn.Server):
    """uvicorn, but a signal that asked for the stop does not become the exit status."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


def serve(
    app: ASGIApp, host: str, port: int, *, variable: str, trusted_proxies: str | None = None
) -> None:
    """Serves `app` on `host:port` until SIGINT or SIGTERM.

    `variable` is the setting that a person changes when the port is taken. The client's address
    is taken from `X-Forwarded-For` only where one of `trusted_proxies` sends it: addresses with
    commas, the empty string for nobody, None for uvicorn's own default of loopback.
    """
    listener = listen(host, port, variable=variable)
    server = _Server(configuration(app, trusted_proxies=trusted_proxies))
    with contextlib.closing(listener), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))
    if isinstance(server.lifespan, LifespanOn) and server.lifespan.shutdown_failed:
        # Its error is in the log; whoever watches this process must see it too.
        raise SystemExit(1)


def configuration(app: ASGIApp, *, trusted_proxies: str | None = None) -> uvicorn.Config:
    """How every app of bgpilot is served."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        # Above the clients' keep-alive expiry of 30 s, so that the client closes first.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        ws="none",
        proxy_headers=trusted_proxies != "",
        forwarded_allow_ips=trusted_proxies,
    )


def listen(host: str, port: int, *, variable: str) -> socket.socket:
    """A listening TCP socket, or a UserError that says what to change.

    It listens already, since two sockets with SO_REUSEADDR may be bound to one address until one
    of them does. Connections wait in its queue until a server accepts them.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what listens there "
            f"or set {variable} to another value"
        ) from error
    return listener
