"""Addresses of routers, as settings write them and as sockets give them."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Target(NamedTuple):
    """Where a router listens for us."""

    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


def canonical(address: str) -> str:
    """One way to write an address; an IPv4 router stays one where the station listens on `::`."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return str(ip.ipv4_mapped or ip) if ip.version == 6 else str(ip)


def networks(text: str | None) -> tuple[Network, ...] | None:
    """CIDRs with commas between them, or a ValueError that says what is wrong with which."""
    return None if text is None else tuple(_network(part) for part in _parts(text))


def targets(text: str | None) -> tuple[Target, ...] | None:
    """`address:port` with commas between them, IPv6 in brackets; a ValueError as above."""
    if text is None:
        return None
    found = tuple(_target(part) for part in _parts(text))
    for target in found:
        if found.count(target) > 1:
            raise ValueError(f"{target} is there twice")
    return found


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _network(text: str) -> Network:
    network = ipaddress.ip_network(text)  # its own words are clear: "... has host bits set"
    if network.version == 6 and network.network_address.ipv4_mapped is not None:
        raise ValueError(f"{text} must be written as the IPv4 network that it stands for")
    return network


def _target(text: str) -> Target:
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = canonical(host[1:-1] if is_bracketed else host)
    except ValueError:
        raise ValueError(f"{text} is not address:port, such as 192.0.2.1:11019") from None
    if is_bracketed != (":" in host):
        raise ValueError(f"{text}: an IPv6 address is written in brackets, [2001:db8::1]:11019")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"{text}: the port is not a number from 1 to 65535")
    return Target(address, int(port))
