"""The capabilities of an OPEN (RFC 5492) as people read them.

A describer takes the octets of one capability and returns what they say, or raises WireError
where their length is not that of the capability; the octets are shown then.
"""

from collections.abc import Callable

from services.ingest.wire.errors import WireError
from services.ingest.wire.families import family_name
from services.ingest.wire.text import free_text

_ADD_PATH_MODES = {1: "receive", 2: "send", 3: "send/receive"}  # RFC 7911 4
_ROLES = ("provider", "rs", "rs-client", "customer", "peer")  # RFC 9234 4.1
_RESTARTING, _NOTIFICATION_TOO = 0x8000, 0x4000  # RFC 4724 3, RFC 8538 2
_STATE_PRESERVED = 0x80

Describer = Callable[[bytes], dict[str, object]]


def _chunks(value: bytes, size: int, start: int = 0) -> list[bytes]:
    if len(value) < start or (len(value) - start) % size:
        raise WireError(f"length {len(value)} does not fit", 0, (), "RFC 5492 4")
    return [value[i : i + size] for i in range(start, len(value), size)]


def _sized(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise WireError(f"length is {len(value)} and must be {size}", 0, (), "RFC 5492 4")
    return value


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _family(octets: bytes) -> str:
    """Of an AFI and, in the last octet, a SAFI."""
    return family_name(_number(octets[:2]) << 8 | octets[-1])


def _multiprotocol(value: bytes) -> dict[str, object]:
    return {"family": _family(_sized(value, 4))}


def _next_hop_encoding(value: bytes) -> dict[str, object]:
    """RFC 8950 4: AFI and SAFI in two octets each, then the AFI of the next hop."""
    return {
        "families": [
            {"family": _family(part[:4]), "next_hop_afi": _number(part[4:])}
            for part in _chunks(value, 6)
        ]
    }


def _add_path(value: bytes) -> dict[str, object]:
    return {
        "families": {
            _family(part[:3]): _ADD_PATH_MODES.get(part[3], part[3]) for part in _chunks(value, 4)
        }
    }


def _graceful_restart(value: bytes) -> dict[str, object]:
    parts = _chunks(value, 4, 2)
    head = _number(value[:2])
    return {
        "restarting": bool(head & _RESTARTING),
        "notification": bool(head & _NOTIFICATION_TOO),
        "restart_time": head & 0x0FFF,
        "families": [
            {"family": _family(part[:3]), "state_preserved": bool(part[3] & _STATE_PRESERVED)}
            for part in parts
        ],
    }


def _long_lived_graceful_restart(value: bytes) -> dict[str, object]:
    return {
        "families": [
            {
                "family": _family(part[:3]),
                "state_preserved": bool(part[3] & _STATE_PRESERVED),
                "stale_time": _number(part[4:]),
            }
            for part in _chunks(value, 7)
        ]
    }


def _four_octet_as(value: bytes) -> dict[str, object]:
    return {"asn": _number(_sized(value, 4))}


def _role(value: bytes) -> dict[str, object]:
    role = _sized(value, 1)[0]
    return {"role": _ROLES[role] if role < len(_ROLES) else role}


def _multiple_labels(value: bytes) -> dict[str, object]:
    return {
        "families": [{"family": _family(part[:3]), "labels": part[3]} for part in _chunks(value, 4)]
    }


def _bgpsec(value: bytes) -> dict[str, object]:
    """RFC 8205 2.1: version and direction, then the AFI."""
    _sized(value, 3)
    direction = "send" if value[0] & 0x08 else "receive"
    return {"version": value[0] >> 4, "direction": direction, "afi": _number(value[1:])}


def _outbound_filters(value: bytes) -> dict[str, object]:
    """RFC 5291 4: a family, then how many filter types, then each type and Send/Receive."""
    found: list[dict[str, object]] = []
    pos = 0
    while pos < len(value):
        if len(value) - pos < 5 or len(value) - pos < 5 + 2 * value[pos + 4]:
            raise WireError("filter list runs past the capability", pos, (), "RFC 5291 4")
        end = pos + 5 + 2 * value[pos + 4]
        types = {
            str(value[i]): _ADD_PATH_MODES.get(value[i + 1], value[i + 1])
            for i in range(pos + 5, end, 2)
        }
        found.append({"family": _family(value[pos : pos + 4]), "types": types})
        pos = end
    return {"filters": found}


def _host_name(value: bytes) -> dict[str, object]:
    """Two strings with an octet of length each: draft-walton-bgp-hostname-capability."""
    if not value or len(value) < 2 + value[0] or len(value) != 2 + value[0] + value[1 + value[0]]:
        raise WireError("names do not fill the capability", 0, (), "")
    return {"host": free_text(value[1 : 1 + value[0]]), "domain": free_text(value[2 + value[0] :])}


def _software_version(value: bytes) -> dict[str, object]:
    """One string, after an octet of length: draft-ietf-idr-software-version."""
    if not value or len(value) != 1 + value[0]:
        raise WireError("version does not fill the capability", 0, (), "")
    return {"version": free_text(value[1:])}


def _paths_limit(value: bytes) -> dict[str, object]:
    """The most paths of a prefix that are wanted: draft-abraitis-idr-addpath-paths-limit."""
    return {"families": {_family(part[:3]): _number(part[3:]) for part in _chunks(value, 5)}}


def _nothing(value: bytes) -> dict[str, object]:
    _sized(value, 0)
    return {}


_KNOWN: dict[int, tuple[str, Describer]] = {
    1: ("multiprotocol", _multiprotocol),  # RFC 4760 8
    2: ("route refresh", _nothing),  # RFC 2918 2
    3: ("outbound route filtering", _outbound_filters),
    5: ("extended next hop encoding", _next_hop_encoding),
    6: ("extended message", _nothing),  # RFC 8654 3
    7: ("BGPsec", _bgpsec),
    8: ("multiple labels", _multiple_labels),  # RFC 8277 2.1
    9: ("role", _role),
    64: ("graceful restart", _graceful_restart),
    65: ("4-octet AS number", _four_octet_as),  # RFC 6793 3
    69: ("ADD-PATH", _add_path),
    70: ("enhanced route refresh", _nothing),  # RFC 7313 3.1
    71: ("long-lived graceful restart", _long_lived_graceful_restart),  # RFC 9494 3
    73: ("FQDN", _host_name),
    74: ("BFD strict mode", _nothing),  # draft-ietf-idr-bgp-bfd-strict-mode
    75: ("software version", _software_version),
    76: ("paths limit", _paths_limit),
    77: ("link-local next hop", _nothing),  # draft-ietf-idr-linklocal-capability
    128: ("route refresh (Cisco)", _nothing),  # RFC 8810 3 keeps the codes of old routers
    130: ("outbound route filtering (Cisco)", _outbound_filters),
}
_NAMES = {67: "dynamic capability", 68: "multisession", 72: "routing policy distribution"}


def describe_capability(code: int, value: bytes) -> dict[str, object]:
    """One capability by its parts; by its code and octets where it is not known or does not fit."""
    out: dict[str, object] = {"code": code}
    known = _KNOWN.get(code)
    if known is None:
        if code in _NAMES:
            out["name"] = _NAMES[code]
        return {**out, "value": value.hex()}
    name, describer = known
    out["name"] = name
    try:
        return {**out, **describer(value)}
    except WireError as error:
        return {**out, "value": value.hex(), "error": error.reason}
