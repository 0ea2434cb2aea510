"""ExaBGP as a peer that announces what a test tells it to."""

from __future__ import annotations

import getpass
import os
from typing import IO, TYPE_CHECKING

from tests.routers.harness.process import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.routers.harness.table import Route

_CONFIG = """\
process commands {{
    run /bin/cat {commands};
    encoder text;
}}
neighbor {router} {{
    router-id {address};
    local-address {address};
    local-as {asn};
    peer-as {peer_asn};
    connect {port};
    family {{ ipv4 unicast; ipv6 unicast; }}
    api {{ processes [ commands ]; }}
}}
"""


class ExabgpFeeder:
    """Connects to `router` and announces what it reads from a named pipe.

    The routes that it was told outlive a reset of the session: ExaBGP announces them again.
    """

    def __init__(
        self,
        directory: Path,
        *,
        address: str,
        asn: int,
        router: tuple[str, int],
        peer_asn: int,
    ) -> None:
        self.address = address
        self.asn = asn
        host, port = router
        self._pipe = directory / f"{address}.commands"
        config = directory / f"{address}.conf"
        config.write_text(
            _CONFIG.format(
                commands=self._pipe,
                router=host,
                address=address,
                asn=asn,
                peer_asn=peer_asn,
                port=port,
            )
        )
        self._daemon = Daemon(
            f"exabgp-{address}", ["exabgp", str(config)], directory, env=_environment()
        )
        self._commands: IO[str] | None = None

    @property
    def daemons(self) -> tuple[Daemon]:
        return (self._daemon,)

    def start(self) -> None:
        os.mkfifo(self._pipe)
        # Read and write, so that opening waits for nobody and the pipe never reports its end.
        self._commands = os.fdopen(os.open(self._pipe, os.O_RDWR), "w", buffering=1)
        self._daemon.start()

    def stop(self) -> None:
        if self._commands is not None:
            self._commands.close()
        self._daemon.stop()

    def announce(self, routes: Iterable[Route]) -> None:
        self._tell(f"announce route {_route_text(route)}" for route in routes)

    def withdraw(self, routes: Iterable[Route]) -> None:
        self._tell(f"withdraw route {route.prefix} next-hop {route.next_hop}" for route in routes)

    def _tell(self, commands: Iterable[str]) -> None:
        if self._commands is None:
            raise RuntimeError("the feeder is not running")
        for command in commands:
            self._commands.write(f"{command}\n")
        self._commands.flush()


def _environment() -> dict[str, str]:
    return {
        "exabgp_daemon_user": getpass.getuser(),  # as root it would become nobody otherwise
        "exabgp_api_ack": "false",  # nobody reads the answers, and a full pipe would stop it
        "exabgp_api_cli": "false",
        "exabgp_log_level": "WARNING",  # else every route that it is told
    }


def _route_text(route: Route) -> str:
    words = [route.prefix, "next-hop", route.next_hop, "origin", route.origin]
    words += ["as-path", "[", *(_path_word(element) for element in route.as_path), "]"]
    if route.med is not None:
        words += ["med", str(route.med)]
    if route.communities:
        words += ["community", "[", *route.communities, "]"]
    if route.large_communities:
        words += ["large-community", "[", *route.large_communities, "]"]
    return " ".join(words)


def _path_word(element: int | frozenset[int]) -> str:
    if isinstance(element, int):
        return str(element)
    return f"( {' '.join(str(asn) for asn in sorted(element))} )"
