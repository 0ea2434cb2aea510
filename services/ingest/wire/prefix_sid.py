"""The Prefix-SID attribute (RFC 8669 3) with the SRv6 services of RFC 9252.

TLV (type 1, length 2)
    1 Label-Index, 3 Originator SRGB
    5 SRv6 L3 Service, 6 SRv6 L2 Service: a reserved octet, then
        sub-TLV (type 1, length 2): 1 SRv6 SID Information, 21 octets, then
            sub-sub-TLV (type 1, length 2): 1 SRv6 SID Structure, 6 octets
"""

from services.ingest.wire.errors import Approach, WireError
from services.ingest.wire.text import ipv6_text
from services.ingest.wire.tlvs import Element, elements

_LABEL_INDEX = 1
_ORIGINATOR_SRGB = 3
_SERVICES = {5: "srv6_l3_service", 6: "srv6_l2_service"}
_SID_INFORMATION = 1
_SID_STRUCTURE = 1
_SID_HEAD = 21  # reserved, SID, flags, endpoint behavior, reserved
_ONCE = (_LABEL_INDEX, _ORIGINATOR_SRGB, *_SERVICES)

_STRUCTURE_FIELDS = (
    "locator_block_length",
    "locator_node_length",
    "function_length",
    "argument_length",
    "transposition_length",
    "transposition_offset",
)


def check_prefix_sid(buf: bytes, pos: int, end: int) -> None:
    """Raises WireError; its approach is that of RFC 9252 7 for a service, else RFC 8669 6's."""
    if pos == end:
        raise WireError("holds no TLV", pos, (), "RFC 8669 6")
    for tlv in elements(buf, pos, end, 1, 2, "RFC 8669 6"):
        length = tlv.end - tlv.pos
        if tlv.kind == _LABEL_INDEX and length != 7:
            reason = f"label index of {length} octets and must be 7"
            raise WireError(reason, tlv.pos, (), "RFC 8669 3.1")
        if tlv.kind == _ORIGINATOR_SRGB and (length < 8 or (length - 2) % 6):
            reason = f"originator SRGB of {length} octets fits no ranges"
            raise WireError(reason, tlv.pos, (), "RFC 8669 3.2")
        if tlv.kind in _SERVICES:
            try:
                _check_service(buf, tlv)
            except WireError as error:
                raise error.handled_by(Approach.TREAT_AS_WITHDRAW) from None


def _check_service(buf: bytes, tlv: Element) -> None:
    if tlv.end - tlv.pos < 1:
        raise WireError("SRv6 service holds no octet", tlv.pos, (), "RFC 9252 7")
    for sub in elements(buf, tlv.pos + 1, tlv.end, 1, 2, "RFC 9252 7"):
        if sub.kind != _SID_INFORMATION:
            continue
        if sub.end - sub.pos < _SID_HEAD:
            reason = f"SRv6 SID information of {sub.end - sub.pos} octets is below {_SID_HEAD}"
            raise WireError(reason, sub.pos, (), "RFC 9252 7")
        for part in elements(buf, sub.pos + _SID_HEAD, sub.end, 1, 2, "RFC 9252 7"):
            if part.kind == _SID_STRUCTURE and part.end - part.pos != len(_STRUCTURE_FIELDS):
                reason = f"SRv6 SID structure of {part.end - part.pos} octets and must be 6"
                raise WireError(reason, part.pos, (), "RFC 9252 7")


def describe_prefix_sid(value: bytes) -> dict[str, object]:
    """The TLVs of a checked attribute; of one that may come once, the first (RFC 8669 6)."""
    out: dict[str, object] = {}
    unknown: list[dict[str, object]] = []
    seen: set[int] = set()
    for tlv in elements(value, 0, len(value), 1, 2, "RFC 8669 6"):
        octets = value[tlv.pos : tlv.end]
        if tlv.kind in seen:
            continue
        if tlv.kind in _ONCE:
            seen.add(tlv.kind)
        if tlv.kind == _LABEL_INDEX:
            out["label_index"] = int.from_bytes(octets[3:], "big")
        elif tlv.kind == _ORIGINATOR_SRGB:
            out["originator_srgb"] = _ranges(octets)
        elif tlv.kind in _SERVICES:
            out[_SERVICES[tlv.kind]] = _service(value, tlv)
        else:
            unknown.append({"type": tlv.kind, "value": octets.hex()})
    if unknown:
        out["unknown"] = unknown
    return out


def _ranges(octets: bytes) -> list[dict[str, object]]:
    return [
        {
            "base": int.from_bytes(octets[i : i + 3], "big"),
            "range": int.from_bytes(octets[i + 3 : i + 6], "big"),
        }
        for i in range(2, len(octets), 6)
    ]


def _service(value: bytes, tlv: Element) -> list[dict[str, object]]:
    return [
        _sid(value, sub)
        if sub.kind == _SID_INFORMATION
        else {"type": sub.kind, "value": value[sub.pos : sub.end].hex()}
        for sub in elements(value, tlv.pos + 1, tlv.end, 1, 2, "RFC 9252 7")
    ]


def _sid(value: bytes, sub: Element) -> dict[str, object]:
    at = sub.pos
    out: dict[str, object] = {
        "sid": ipv6_text(value[at + 1 : at + 17]),
        "flags": value[at + 17],
        "endpoint_behavior": int.from_bytes(value[at + 18 : at + 20], "big"),
    }
    for part in elements(value, at + _SID_HEAD, sub.end, 1, 2, "RFC 9252 7"):
        octets = value[part.pos : part.end]
        if part.kind == _SID_STRUCTURE:
            out["structure"] = dict(zip(_STRUCTURE_FIELDS, octets, strict=True))
        else:
            out[f"type_{part.kind}"] = octets.hex()
    return out
