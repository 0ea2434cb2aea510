"""ExaBGP that takes commands over named pipes, as an operator runs it."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from tests.routers.harness.process import Daemon

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from pathlib import Path

_CONFIG = """\
neighbor {router} {{
    router-id {address};
    local-address {address};
    local-as {asn};
    peer-as {peer_asn};
    connect {port};
    family {{ ipv4 unicast; ipv6 unicast; }}
}}
"""


class PipedExabgp:
    """Connects to `router`; `pipe` is the path of its pipes without `.in` and `.out`."""

    def __init__(
        self,
        directory: Path,
        *,
        address: str,
        asn: int,
        router: tuple[str, int],
        peer_asn: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.address = address
        host, port = router
        name = f"pipes-{address}"
        config = directory / "exabgp.conf"
        config.write_text(
            _CONFIG.format(router=host, address=address, asn=asn, peer_asn=peer_asn, port=port)
        )
        # It looks below its root after /run, so the name has to be one that is not there.
        (directory / "run").mkdir()
        self.pipe = str(directory / "run" / name)
        self._daemon = Daemon(
            name,
            ["exabgp", "--root", str(directory), str(config)],
            directory,
            env={
                "exabgp_daemon_user": getpass.getuser(),  # as root it would become nobody otherwise
                "exabgp_api_pipename": name,
                "exabgp_log_level": "WARNING",
                **(environment or {}),
            },
        )

    @property
    def daemons(self) -> tuple[Daemon]:
        return (self._daemon,)

    def start(self) -> None:
        for end in ("in", "out"):
            if not os.path.exists(f"{self.pipe}.{end}"):  # noqa: PTH110 - a path without an end
                os.mkfifo(f"{self.pipe}.{end}")
        self._daemon.start()

    def stop(self) -> None:
        self._daemon.stop()

    def signal(self, number: signal.Signals) -> None:
        """It hangs, or goes on."""
        self._daemon.signal(number)
