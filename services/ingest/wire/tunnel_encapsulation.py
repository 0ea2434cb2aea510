"""The Tunnel Encapsulation attribute (RFC 9012 2): tunnels, and sub-TLVs kept by their type.

A sub-TLV of a type below 128 has one octet of length, any other has two. Those of an SR policy
(RFC 9830 2.4) are among them.
"""

from typing import NamedTuple

from services.ingest.wire.communities import tunnel_name
from services.ingest.wire.errors import WireError
from services.ingest.wire.text import address_text
from services.ingest.wire.tlvs import elements

_WIDE_FROM = 128
_NAMES = {  # IANA "BGP Tunnel Encapsulation Attribute Sub-TLVs"
    1: "encapsulation",
    2: "protocol_type",
    4: "color",
    6: "tunnel_egress_endpoint",
    7: "ds_field",
    8: "udp_destination_port",
    9: "embedded_label_handling",
    10: "mpls_label_stack",
    11: "prefix_sid",
    12: "preference",
    13: "binding_sid",
    14: "enlp",
    15: "priority",
    20: "srv6_binding_sid",
    128: "segment_list",
    129: "policy_candidate_path_name",
    130: "policy_name",
}
_NUMBERS = {2: 2, 7: 1, 8: 2, 9: 1}  # the octets of those that are one number


class SubTlv(NamedTuple):
    kind: int
    value: bytes


class Tunnel(NamedTuple):
    kind: int
    sub_tlvs: tuple[SubTlv, ...]


def read_tunnels(buf: bytes, pos: int, end: int) -> tuple[Tunnel, ...]:
    return tuple(
        Tunnel(tlv.kind, _read_sub_tlvs(buf, tlv.pos, tlv.end))
        for tlv in elements(buf, pos, end, 2, 2, "RFC 9012 13")
    )


def _read_sub_tlvs(buf: bytes, pos: int, end: int) -> tuple[SubTlv, ...]:
    out: list[SubTlv] = []
    while pos < end:
        value = pos + (3 if buf[pos] >= _WIDE_FROM else 2)
        if value > end:
            raise WireError("sub-TLV header runs past its tunnel", pos, (), "RFC 9012 13")
        after = value + int.from_bytes(buf[pos + 1 : value], "big")
        if after > end:
            reason = f"sub-TLV {buf[pos]} of {after - value} octets runs past its tunnel"
            raise WireError(reason, pos, (), "RFC 9012 13")
        out.append(SubTlv(buf[pos], buf[value:after]))
        pos = after
    return tuple(out)


def describe_tunnel(tunnel: Tunnel) -> dict[str, object]:
    return {
        "tunnel_type": tunnel_name(tunnel.kind),
        "sub_tlvs": [_describe_sub_tlv(sub_tlv) for sub_tlv in tunnel.sub_tlvs],
    }


def _describe_sub_tlv(sub_tlv: SubTlv) -> dict[str, object]:
    kind, value = sub_tlv
    out: dict[str, object] = {"type": kind}
    if kind in _NAMES:
        out["name"] = _NAMES[kind]
    if _NUMBERS.get(kind) == len(value):
        return {**out, "value": int.from_bytes(value, "big")}
    if kind == 4 and len(value) == 8:  # a Color extended community (RFC 9012 3.4.2)
        return {**out, "value": int.from_bytes(value[4:], "big")}
    if kind == 6 and len(value) in (6, 10, 22):  # reserved, family, address (RFC 9012 3.1)
        return {**out, "value": address_text(value[6:]) if len(value) > 6 else "next hop"}
    if kind in (12, 15) and len(value) in (2, 6):  # flags or priority, reserved, number
        number = value[0] if kind == 15 else int.from_bytes(value[2:], "big")
        return {**out, "value": number}
    if kind in (129, 130) and value:  # a reserved octet, then the name
        return {**out, "value": value[1:].decode("utf-8", "replace")}
    return {**out, "value": value.hex()}
