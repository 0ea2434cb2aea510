"""What is looked at before anything is started: each failure is one sentence."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from typing import TYPE_CHECKING

import asyncpg
import psutil

from shared.db.engine import CONNECT_SECONDS, plain_url
from shared.db.errors import translated
from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from shared.stack.settings import Listener


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Creates the home directory where it is missing and keeps other supervisors out of it."""
    path = home / "up.lock"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.open("a+")
    except OSError as error:
        raise UserError(
            f"{error.filename} cannot be written: {error.strerror}; "
            "set BGPILOT_HOME to a directory that can be"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise UserError(
                f"bgpilot already runs in {home} (process id {lock.read().strip()}); stop it, "
                "or set BGPILOT_HOME to another directory"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def check_free(listeners: Iterable[Listener]) -> None:
    """Raises UserError for the first address that cannot be listened on."""
    earlier: list[Listener] = []
    with contextlib.ExitStack() as bound:  # all at once, so that no two of ours are the same
        for listener in listeners:
            try:
                bound.enter_context(contextlib.closing(_bind(listener)))
            except OSError as error:
                bound.close()
                same_port = [each for each in earlier if each.port == listener.port]
                if same_port and _is_free(listener):  # now that ours are closed
                    raise UserError(_same_address(same_port[0], listener)) from error
                raise UserError(_why_not(listener, error)) from error
            earlier.append(listener)


async def check_database(url: SecretStr) -> None:
    """Raises UserError when the database cannot be reached or refuses us."""
    with translated(url):
        conn = await asyncpg.connect(plain_url(url), timeout=CONNECT_SECONDS)
        await conn.close(timeout=CONNECT_SECONDS)


def _bind(listener: Listener) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        listener.host, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        # As servers do: a connection of an earlier run that lingers is no obstacle.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen()  # two may be bound to one address until one of them listens
    except OSError:
        sock.close()
        raise
    return sock


def _is_free(listener: Listener) -> bool:
    with contextlib.suppress(OSError):
        _bind(listener).close()
        return True
    return False


def _same_address(one: Listener, other: Listener) -> str:
    return (
        f"{one.port_variable} and {other.port_variable} name the same address, "
        f"{other.host}:{other.port}; set one of them to another port"
    )


def _why_not(listener: Listener, error: OSError) -> str:
    where = f"{listener.host}:{listener.port} ({listener.name.replace('_', ' ')})"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{where} is in use by {_who_listens(listener.port)}; stop that, "
            f"or set {listener.port_variable} to another port"
        )
    host_variable = listener.port_variable.replace("_PORT", "_HOST")
    return (
        f"cannot listen on {where}: {error.strerror}; "
        f"set {host_variable} or {listener.port_variable} to another value"
    )


def _who_listens(port: int) -> str:
    with contextlib.suppress(psutil.Error):  # macOS tells this to root alone
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr.port == port:
                name = psutil.Process(connection.pid).name() if connection.pid else "a process"
                return f"{name} (process id {connection.pid or 'unknown'})"
    return "another process"
