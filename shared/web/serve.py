"""Runs an HTTP app until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import socket
from typing import TYPE_CHECKING

import uvicorn
import uvloop
from uvicorn.lifespan.on import LifespanOn

from shared.errors import UserError
from shared.stopping import stopping_on_signals
from shared.web.gathered import GatheringProtocol

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

STOP_SECONDS = 60.0
"""From the first signal to the end of the process."""

MAX_MESSAGE_BYTES = 1_000_000
"""The longest WebSocket message in either direction, as long as the longest body."""

STALL_SECONDS = 120
"""How long a client may take nothing of what is sent to it."""

_BACKLOG = 512
"""Connections that may wait before they are accepted."""

_OPEN_FILES = 65_536


class _Server(uvicorn.Server):
    """uvicorn, but a signal that asked for the stop does not become the exit status."""

    def __init__(
        self,
        config: uvicorn.Config,
        abort: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._abort = abort
        self._on_stop = on_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with stopping_on_signals(self._begin_stop, seconds=STOP_SECONDS, abort=self._abort):
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What is there when the app has started, stays: the garbage collector leaves it alone.

        It would go through all of it again and again, and no answer is given for 50 to 100 ms.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    def _begin_stop(self, _: signal.Signals) -> None:
        self.should_exit = True
        self._on_stop()


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    variable: str,
    trusted_proxies: str | None = None,
    finish_seconds: int = 10,
    abort: Callable[[], None] = lambda: None,
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """Serves `app` on `host:port` until SIGINT or SIGTERM.

    `variable` is the setting that a person changes when the port is taken. The client's address
    is taken from `X-Forwarded-For` only where one of `trusted_proxies` sends it: addresses with
    commas, the empty string for nobody, None for uvicorn's own default of loopback. Requests may
    take `finish_seconds` more once it stops; `on_stop` is called then, to end those that would take
    for ever. A second signal, or a stop that takes longer than
    STOP_SECONDS, ends the process at once, after a call of `abort`.
    """
    allow_open_files()
    listener = listen(host, port, variable=variable)
    end_stalled(listener)
    config = configuration(app, trusted_proxies=trusted_proxies, finish_seconds=finish_seconds)
    server = _Server(config, abort, on_stop)
    with contextlib.closing(listener), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))
    if isinstance(server.lifespan, LifespanOn) and server.lifespan.shutdown_failed:
        # Its error is in the log; whoever watches this process must see it too.
        raise SystemExit(1)


def configuration(
    app: ASGIApp, *, trusted_proxies: str | None = None, finish_seconds: int = 10
) -> uvicorn.Config:
    """How every app of bgpilot is served."""
    return uvicorn.Config(
        app,
        http=GatheringProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        # Above the clients' keep-alive expiry of 30 s, so that the client closes first.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=finish_seconds,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        # Compressing one update for each of 500 subscribers costs more than sending it.
        ws_per_message_deflate=False,
        proxy_headers=trusted_proxies != "",
        forwarded_allow_ips=trusted_proxies,
    )


def listen(host: str, port: int, *, variable: str, shared: bool = False) -> socket.socket:
    """A listening TCP socket, or a UserError that says what to change.

    It listens already, since two sockets with SO_REUSEADDR may be bound to one address until one
    of them does. Connections wait in its queue until a server accepts them. On a `shared` address
    (SO_REUSEPORT) others may listen, too.
    """
    listener = bind(host, port, variable=variable, shared=shared)
    with _explained(listener, host, port, variable):
        listener.listen(_BACKLOG)
    return listener


def bind(host: str, port: int, *, variable: str, shared: bool = False) -> socket.socket:
    """The same, but not listening yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with _explained(listener, host, port, variable):
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
    return listener


def end_stalled(listener: socket.socket, *, seconds: float = STALL_SECONDS) -> None:
    """Connections of this listener end when their client has taken nothing for so long.

    There is no other end to a client that stays and does not read: a server that closes its
    connection still waits for what it wrote to be taken. Linux alone has the means.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = round(seconds * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def allow_open_files() -> None:
    """Raises this process's own limit of open files as far as it may: each client is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


@contextlib.contextmanager
def _explained(listener: socket.socket, host: str, port: int, variable: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        listener.close()
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what listens there "
            f"or set {variable} to another value"
        ) from error
