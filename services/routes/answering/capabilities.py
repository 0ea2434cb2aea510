"""What a peer offered in its OPEN, from the codes and octets that the store has (RFC 5492).

A reader takes the octets of one capability. Where they are not what the RFC has, it fails, and
the octets are all that is shown.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from shared.contracts.inventory import Capabilities, Capability
from shared.contracts.vocabulary import family_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Details = dict[str, Any]
    Reader = Callable[[bytes], Details]

_ROLES = ("provider", "rs", "rs-client", "customer", "peer")  # RFC 9234 4.1


def capabilities_body(stored: Mapping[str, Any] | None) -> Capabilities | None:
    """From `rib.peer.capabilities`, which has nothing where there was no Peer Up."""
    if not stored:
        return None
    return Capabilities(
        families=stored["families"],
        add_path=stored["add_path"],
        all=[_capability(one["code"], one["value"]) for one in stored["codes"]],
    )


def _capability(code: int, value: str) -> Capability:
    name, reader = _KNOWN.get(code, (None, _nothing))
    try:
        details = reader(bytes.fromhex(value))
    except (struct.error, IndexError, ValueError):
        details = {}
    return Capability(code=code, name=name, value=value, details=details)


def _nothing(_: bytes) -> Details:
    return {}


def _multiprotocol(value: bytes) -> Details:
    afi, safi = struct.unpack(">HxB", value)
    return {"family": family_name(afi << 8 | safi)}


def _next_hop_encoding(value: bytes) -> Details:
    """RFC 8950 4."""
    parts = struct.iter_unpack(">HHH", value)
    return {
        "families": [
            {"family": family_name(afi << 8 | safi), "next_hop_afi": next_hop}
            for afi, safi, next_hop in parts
        ]
    }


def _role(value: bytes) -> Details:
    (role,) = value
    return {"role": _ROLES[role] if role < len(_ROLES) else str(role)}


def _graceful_restart(value: bytes) -> Details:
    """RFC 4724 3; the flag of NOTIFICATIONs is RFC 8538's."""
    (head,) = struct.unpack_from(">H", value)
    return {
        "restarting": bool(head & 0x8000),
        "notification": bool(head & 0x4000),
        "restart_time_s": head & 0x0FFF,
        "families": [
            {"family": family_name(afi << 8 | safi), "state_preserved": bool(flags & 0x80)}
            for afi, safi, flags in struct.iter_unpack(">HBB", value[2:])
        ],
    }


def _long_lived(value: bytes) -> Details:
    """RFC 9494 3: a family, its flags, and a time of 24 bits."""
    return {
        "families": [
            {"family": family_name(afi << 8 | safi), "stale_time_s": high << 16 | low}
            for afi, safi, _, high, low in struct.iter_unpack(">HBBBH", value)
        ]
    }


def _four_octet_as(value: bytes) -> Details:
    return {"asn": struct.unpack(">I", value)[0]}


def _host_name(value: bytes) -> Details:
    """draft-walton-bgp-hostname-capability: two texts, an octet of length before each."""
    domain_at = 1 + value[0]
    domain = value[domain_at + 1 : domain_at + 1 + value[domain_at]]
    return {"host": value[1:domain_at].decode(), "domain": domain.decode()}


def _software_version(value: bytes) -> Details:
    """draft-ietf-idr-software-version."""
    return {"version": value[1 : 1 + value[0]].decode()}


_KNOWN: dict[int, tuple[str, Reader]] = {
    1: ("multiprotocol", _multiprotocol),  # RFC 4760 8
    2: ("route refresh", _nothing),
    3: ("outbound route filtering", _nothing),
    5: ("extended next hop encoding", _next_hop_encoding),
    6: ("extended message", _nothing),
    7: ("BGPsec", _nothing),
    8: ("multiple labels", _nothing),
    9: ("role", _role),
    64: ("graceful restart", _graceful_restart),
    65: ("4-octet AS number", _four_octet_as),
    67: ("dynamic capability", _nothing),
    68: ("multisession", _nothing),
    69: ("ADD-PATH", _nothing),  # `add_path` has it by family
    70: ("enhanced route refresh", _nothing),
    71: ("long-lived graceful restart", _long_lived),
    72: ("routing policy distribution", _nothing),
    73: ("FQDN", _host_name),
    74: ("BFD strict mode", _nothing),
    75: ("software version", _software_version),
    76: ("paths limit", _nothing),
    77: ("link-local next hop", _nothing),
    128: ("route refresh (Cisco)", _nothing),
    130: ("outbound route filtering (Cisco)", _nothing),
}
