"""Loopback addresses and ports that nobody else on this machine uses."""

from __future__ import annotations

import random
import socket
from ipaddress import IPv4Network

_LOOPBACK_HALF = IPv4Network("127.128.0.0/9")  # far from 127.0.0.1 and 127.0.1.1, which are taken
_random = random.SystemRandom()


def free_port(host: str) -> int:
    """A TCP port that was free on `host` a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


class LoopbackNetwork:
    """A /24 of 127.0.0.0/8 for one test.

    Tests that run side by side draw different networks, so a port that was free on one of its
    addresses is still free when the router that is to listen there starts.
    """

    def __init__(self) -> None:
        third_octets = _LOOPBACK_HALF.num_addresses // 256
        self._first = _LOOPBACK_HALF.network_address + 256 * _random.randrange(third_octets)

    def address(self, host: int) -> str:
        return str(self._first + host)

    def free_port(self, host: int) -> int:
        return free_port(self.address(host))
