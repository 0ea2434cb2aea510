"""MAC addresses and Ethernet segment identifiers (RFC 7432 5)."""

from services.ingest.wire.nlri.kind import Described
from services.ingest.wire.text import ipv4_text

ESI = 10
"""Octets of an Ethernet segment identifier: its type, then nine of value."""


def mac_text(octets: bytes) -> str:
    """`00:00:5e:00:53:01`."""
    return octets.hex(":")


def describe_esi(esi: bytes) -> Described:
    """Its type and octets, and what the type says they are.

    Type 0 is set by hand, and all zeros mean a site with a single home. 4 and 5 end in an octet
    of zero; types beyond 5 are not assigned.
    """
    known: Described = {}
    kind = esi[0]
    if kind == 1:
        known = {"lacp_system_mac": mac_text(esi[1:7]), "lacp_port_key": _number(esi[7:9])}
    elif kind == 2:
        known = {"root_bridge_mac": mac_text(esi[1:7]), "root_bridge_priority": _number(esi[7:9])}
    elif kind == 3:
        known = {"system_mac": mac_text(esi[1:7]), "local_discriminator": _number(esi[7:10])}
    elif kind == 4:
        known = {"router_id": ipv4_text(esi[1:5]), "local_discriminator": _number(esi[5:9])}
    elif kind == 5:
        known = {"asn": _number(esi[1:5]), "local_discriminator": _number(esi[5:9])}
    return {"type": kind, "value": esi.hex(":"), **known}


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")
