"""Families that are kept whole: what they are is shown, and the octets where that is not all."""

from services.ingest.wire.errors import WireError
from services.ingest.wire.nlri.kind import Described, Read, overrun
from services.ingest.wire.nlri.labels import label_values
from services.ingest.wire.nlri.prefixes import ANY_LENGTH, without_spare_bits
from services.ingest.wire.text import address_text, route_distinguisher_text

_MVPN_TYPES = {  # RFC 6514 4
    1: "intra-AS I-PMSI A-D",
    2: "inter-AS I-PMSI A-D",
    3: "S-PMSI A-D",
    4: "leaf A-D",
    5: "source active A-D",
    6: "shared tree join",
    7: "source tree join",
}
_MVPN_LEAF = 4
_BGP_LS_TYPES = {  # RFC 9552 5.2, RFC 9514 6, RFC 9857 4
    1: "node",
    2: "link",
    3: "IPv4 topology prefix",
    4: "IPv6 topology prefix",
    5: "SR policy candidate path",
    6: "SRv6 SID",
}
_BGP_LS_HEAD = 9
_VPLS, _VPLS_AUTO_DISCOVERY = 17, 12


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


# ---- route target membership (RFC 4684 4)


def read_route_target(buf: bytes, pos: int, end: int) -> Read:
    bits = buf[pos]
    after = pos + ANY_LENGTH[bits]
    if (bits and not 32 <= bits <= 96) or after > end:
        raise WireError(f"route target of {bits} bits does not fit", pos, (), "RFC 4684 4")
    return after, without_spare_bits(buf[pos:after]), b""


def describe_route_target(key: bytes, _detail: bytes) -> Described:
    """A target that is not whole is a prefix of targets, and shown by its octets."""
    if not key[0]:
        return {"prefix_length": 0}
    target = key[5:]
    if key[0] == 96 and target[0] <= 2 and target[1] == 2:
        text = route_distinguisher_text(b"\0" + target[:1] + target[2:])  # of the same three forms
    else:
        text = target.hex()
    return {"prefix_length": key[0], "origin_as": _number(key[1:5]), "route_target": text}


# ---- SR policy (RFC 9830 2.1)


def read_ipv4_sr_policy(buf: bytes, pos: int, end: int) -> Read:
    return _read_sr_policy(buf, pos, end, 96)


def read_ipv6_sr_policy(buf: bytes, pos: int, end: int) -> Read:
    return _read_sr_policy(buf, pos, end, 192)


def _read_sr_policy(buf: bytes, pos: int, end: int, bits: int) -> Read:
    after = pos + 1 + bits // 8
    if buf[pos] != bits:
        reason = f"length is {buf[pos]} bits and must be {bits}"
        raise WireError(reason, pos, (), "RFC 9830 2.1")
    if after > end:
        raise overrun(pos)
    return after, buf[pos:after], b""


def describe_sr_policy(key: bytes, _detail: bytes) -> Described:
    return {
        "distinguisher": _number(key[1:5]),
        "color": _number(key[5:9]),
        "endpoint": address_text(key[9:]),
    }


# ---- multicast VPN (RFC 6514 4)


def read_mvpn(buf: bytes, pos: int, end: int) -> Read:
    if end - pos < 2 or pos + 2 + buf[pos + 1] > end:
        raise overrun(pos)
    if buf[pos] == 0:
        raise WireError("route type 0 is reserved", pos, (), "RFC 6514 4")
    after = pos + 2 + buf[pos + 1]
    if buf[pos] in _MVPN_TYPES and buf[pos + 1] < 12:
        raise WireError(f"length {buf[pos + 1]} holds no route", pos, (), "RFC 6514 4")
    return after, buf[pos:after], b""


def describe_mvpn(key: bytes, _detail: bytes) -> Described:
    name = _MVPN_TYPES.get(key[0])
    shown: Described = {"route_type": key[0]}
    if name is not None:
        shown["route_type_name"] = name
        if key[0] != _MVPN_LEAF:  # which has another route in place of a distinguisher
            shown["rd"] = route_distinguisher_text(key[2:10])
    return {**shown, "nlri": key.hex()}


# ---- VPLS (RFC 4761 3.2.2) and its auto-discovery (RFC 6074 3.2.2.1)


def read_vpls(buf: bytes, pos: int, end: int) -> Read:
    if end - pos < 2:
        raise overrun(pos)
    length = buf[pos] << 8 | buf[pos + 1]
    after = pos + 2 + length
    if after > end:
        raise overrun(pos)
    if length not in (_VPLS, _VPLS_AUTO_DISCOVERY):
        reason = f"length is {length} and must be {_VPLS} or {_VPLS_AUTO_DISCOVERY}"
        raise WireError(reason, pos, (), "RFC 4761 3.2.2")
    return after, buf[pos:after], b""


def describe_vpls(key: bytes, _detail: bytes) -> Described:
    rd = route_distinguisher_text(key[2:10])
    if key[1] == _VPLS_AUTO_DISCOVERY:
        return {"rd": rd, "pe_address": address_text(key[10:14])}
    return {
        "rd": rd,
        "ve_id": _number(key[10:12]),
        "ve_block_offset": _number(key[12:14]),
        "ve_block_size": _number(key[14:16]),
        "label_base": label_values(key[16:19])[0],
    }


# ---- BGP-LS (RFC 9552 5.2)


def read_bgp_ls(buf: bytes, pos: int, end: int) -> Read:
    if end - pos < 4:
        raise overrun(pos, "RFC 9552 5.2")
    kind, length = buf[pos] << 8 | buf[pos + 1], buf[pos + 2] << 8 | buf[pos + 3]
    after = pos + 4 + length
    if after > end:
        raise overrun(pos, "RFC 9552 5.2")
    if kind == 0:
        raise WireError("NLRI type 0 is reserved", pos, (), "RFC 9552 8.1")
    if kind in _BGP_LS_TYPES and length < _BGP_LS_HEAD:
        raise WireError(f"length {length} holds no identifier", pos, (), "RFC 9552 5.2")
    return after, buf[pos:after], b""


def read_bgp_ls_vpn(buf: bytes, pos: int, end: int) -> Read:
    after, key, detail = read_bgp_ls(buf, pos, end)
    if len(key) < 4 + 8:
        raise WireError("NLRI holds no route distinguisher", pos, (), "RFC 9552 5.2")
    return after, key, detail


def describe_bgp_ls(key: bytes, _detail: bytes) -> Described:
    return _describe_bgp_ls(key, key[4:])


def describe_bgp_ls_vpn(key: bytes, _detail: bytes) -> Described:
    return {"rd": route_distinguisher_text(key[4:12]), **_describe_bgp_ls(key, key[12:])}


def _describe_bgp_ls(key: bytes, value: bytes) -> Described:
    kind = _number(key[:2])
    name = _BGP_LS_TYPES.get(kind)
    shown: Described = {"nlri_type": kind}
    if name is not None and len(value) >= _BGP_LS_HEAD:
        shown |= {
            "nlri_type_name": name,
            "protocol_id": value[0],
            "identifier": _number(value[1:_BGP_LS_HEAD]),
        }
    return {**shown, "nlri": key.hex()}
