"""The PMSI Tunnel attribute (RFC 6514 5).

+---------------------------------+
|  Flags (1 octet)                |
+---------------------------------+
|  Tunnel Type (1 octet)          |
+---------------------------------+
|  MPLS Label (3 octets)          |
+---------------------------------+
|  Tunnel Identifier (variable)   |
+---------------------------------+
"""

from typing import NamedTuple

from services.ingest.wire.errors import WireError
from services.ingest.wire.text import address_text

_HEAD = 5
_NAMES = {  # IANA "P-Multicast Service Interface Tunnel (PMSI Tunnel) Tunnel Types"
    0: "no tunnel information",
    1: "RSVP-TE P2MP LSP",
    2: "mLDP P2MP LSP",
    3: "PIM-SSM tree",
    4: "PIM-SM tree",
    5: "BIDIR-PIM tree",
    6: "ingress replication",
    7: "mLDP MP2MP LSP",
    10: "assisted replication",
    11: "BIER",
    12: "SR-MPLS P2MP tree",
    13: "SRv6 P2MP tree",
}
_PIM_TREES = (3, 4, 5)
_REPLICATION = (6, 10)
_IDENTIFIER_SIZES = {3: (8, 32), 4: (8, 32), 5: (8, 32), 6: (4, 16)}


class PmsiTunnel(NamedTuple):
    """`label` is the 3 octets as a number: an MPLS label is its upper 20 bits, a VNI all 24."""

    flags: int
    tunnel_type: int
    label: int
    identifier: bytes


def read_pmsi_tunnel(buf: bytes, pos: int, end: int) -> PmsiTunnel:
    if end - pos < _HEAD:
        raise WireError(f"length {end - pos} is below {_HEAD}", pos, (), "RFC 6514 5")
    kind = buf[pos + 1]
    sizes = _IDENTIFIER_SIZES.get(kind)
    if sizes is not None and end - pos - _HEAD not in sizes:
        reason = f"identifier of {end - pos - _HEAD} octets fits no {_NAMES[kind]}"
        raise WireError(reason, pos + _HEAD, (), "RFC 6514 5")
    label = int.from_bytes(buf[pos + 2 : pos + _HEAD], "big")
    return PmsiTunnel(buf[pos], kind, label, buf[pos + _HEAD : end])


def describe_pmsi_tunnel(tunnel: PmsiTunnel) -> dict[str, object]:
    identifier = tunnel.identifier
    out: dict[str, object] = {
        "tunnel_type": _NAMES.get(tunnel.tunnel_type) or tunnel.tunnel_type,
        "leaf_information_required": bool(tunnel.flags & 1),
        "label": tunnel.label >> 4,
        "vni": tunnel.label,
    }
    if tunnel.tunnel_type in _PIM_TREES:
        half = len(identifier) // 2
        out["source"] = address_text(identifier[:half])
        out["group"] = address_text(identifier[half:])
    elif tunnel.tunnel_type in _REPLICATION:
        out["endpoint"] = address_text(identifier)
    elif identifier:
        out["identifier"] = identifier.hex()
    return out
