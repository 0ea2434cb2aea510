"""EVPN routes (RFC 7432 7, RFC 9136 3.1, RFC 9251 9).

 +-----------------+
 | route type (1)  |
 +-----------------+
 | length (1)      |
 +-----------------+
 | value           |  by type, a route distinguisher first
 +-----------------+

`_FORMS` holds for each type a reader of the value and a description. The reader gives the part
of the value that is the route's key and the part that is not; the key of the whole route has the
route type before it.

    type  key                                          detail
    1     RD, ESI, tag                                 label
    2     RD, tag, MAC length, MAC, IP length, IP      ESI, label 1, label 2 if there
    3     RD, tag, IP length, IP                       none
    4     RD, ESI, IP length, IP                       none
    5     RD, tag, prefix length, prefix (4 or 16)     ESI, gateway, label
    6     RD, tag, source, group, originator           flags
    7     RD, ESI, tag, source, group, originator      flags
    8     the same                                     reserved (4), response time, flags
"""

from collections.abc import Callable
from typing import final

from services.ingest.wire.errors import WireError
from services.ingest.wire.nlri.ethernet import ESI, describe_esi, mac_text
from services.ingest.wire.nlri.kind import Described, Description, Read, overrun
from services.ingest.wire.nlri.labels import label_values, vni_values
from services.ingest.wire.text import address_text, route_distinguisher_text

_RD, _TAG, _LABEL = 8, 4, 3
_ADDRESS_OCTETS = {32: 4, 128: 16}
_MAC_BITS = 48
_SMET_FLAGS = ("v1", "v2", "v3", "exclude")  # IGMP or MLD versions, and the mode (RFC 9251 9.1)

Parts = tuple[bytes, bytes]


@final
class _Form:
    __slots__ = ("describe", "name", "read")

    def __init__(
        self, name: str, read: Callable[[bytes, int, int], Parts], describe: Description
    ) -> None:
        self.name = name
        self.read = read
        self.describe = describe


def read_evpn(buf: bytes, pos: int, end: int) -> Read:
    if end - pos < 2 or pos + 2 + buf[pos + 1] > end:
        raise overrun(pos)
    value = pos + 2
    after = value + buf[pos + 1]
    kind = buf[pos : pos + 1]
    if kind == b"\0":
        raise WireError("route type 0 is reserved", pos, (), "RFC 7432 20")
    form = _FORMS.get(buf[pos])
    if form is None:
        return after, kind + buf[value:after], b""
    try:
        key, detail = form.read(buf, value, after)
    except WireError as error:
        raise error.within(f"{form.name} route") from None
    return after, kind + key, detail


def describe_evpn(key: bytes, detail: bytes) -> Described:
    form = _FORMS.get(key[0])
    if form is None:
        name = _OTHER_TYPES.get(key[0])
        named: Described = {"route_type_name": name} if name else {}
        return {"route_type": key[0], **named, "value": key[1:].hex()}
    head: Described = {
        "route_type": key[0],
        "route_type_name": form.name,
        "rd": route_distinguisher_text(key[1:9]),
    }
    return {**head, **form.describe(key[9:], detail)}


def _exactly(size: int, pos: int, after: int) -> None:
    if after - pos != size:
        raise WireError(f"length is {after - pos} and must be {size}", pos, (), "RFC 7432 7")


def _address(buf: bytes, pos: int, after: int, *, may_lack: bool = False) -> int:
    """Where the address ends whose length in bits is at `pos`."""
    if pos >= after:
        raise WireError("route ends before an address", after, (), "RFC 7606 5.4")
    bits = buf[pos]
    octets = 0 if may_lack and bits == 0 else _ADDRESS_OCTETS.get(bits)
    if octets is None:
        raise WireError(f"address of {bits} bits is neither IPv4 nor IPv6", pos, (), "RFC 7432 7")
    if pos + 1 + octets > after:
        raise WireError("address runs past the route", pos, (), "RFC 7606 5.4")
    return pos + 1 + octets


def _labels(stack: bytes) -> Described:
    return {"labels": label_values(stack), "vnis": vni_values(stack)} if stack else {}


def _tag(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


# ---- RFC 7432 7.1 to 7.4


def _read_auto_discovery(buf: bytes, pos: int, after: int) -> Parts:
    _exactly(_RD + ESI + _TAG + _LABEL, pos, after)
    return buf[pos : after - _LABEL], buf[after - _LABEL : after]


def _describe_auto_discovery(key: bytes, detail: bytes) -> Described:
    esi, tag = key[:ESI], key[ESI:]
    return {"esi": describe_esi(esi), "ethernet_tag": _tag(tag), **_labels(detail)}


def _read_mac_ip(buf: bytes, pos: int, after: int) -> Parts:
    tag_at = pos + _RD + ESI
    mac_at = tag_at + _TAG
    if mac_at >= after:
        raise WireError("route ends before its MAC address", after, (), "RFC 7432 7.2")
    if buf[mac_at] != _MAC_BITS:
        raise WireError(f"MAC address of {buf[mac_at]} bits", mac_at, (), "RFC 7432 7.2")
    labels_at = _address(buf, mac_at + 7, after, may_lack=True)
    if after - labels_at not in (_LABEL, 2 * _LABEL):
        reason = f"{after - labels_at} octets are neither one label nor two"
        raise WireError(reason, labels_at, (), "RFC 7432 7.2")
    key = buf[pos : pos + _RD] + buf[tag_at:labels_at]
    return key, buf[pos + _RD : tag_at] + buf[labels_at:after]


def _describe_mac_ip(key: bytes, detail: bytes) -> Described:
    address = key[_TAG + 8 :]
    return {
        **_segment(detail),
        "ethernet_tag": _tag(key[:_TAG]),
        "mac": mac_text(key[_TAG + 1 : _TAG + 7]),
        **({"ip": address_text(address)} if address else {}),
        **_labels(detail[ESI:]),
    }


def _segment(detail: bytes) -> Described:
    return {"esi": describe_esi(detail[:ESI])} if detail else {}


def _read_inclusive_multicast(buf: bytes, pos: int, after: int) -> Parts:
    _exactly(_address(buf, pos + _RD + _TAG, after) - pos, pos, after)
    return buf[pos:after], b""


def _describe_inclusive_multicast(key: bytes, _detail: bytes) -> Described:
    return {"ethernet_tag": _tag(key[:_TAG]), "ip": address_text(key[_TAG + 1 :])}


def _read_segment(buf: bytes, pos: int, after: int) -> Parts:
    _exactly(_address(buf, pos + _RD + ESI, after) - pos, pos, after)
    return buf[pos:after], b""


def _describe_segment(key: bytes, _detail: bytes) -> Described:
    return {"esi": describe_esi(key[:ESI]), "ip": address_text(key[ESI + 1 :])}


# ---- RFC 9136 3.1


def _read_ip_prefix(buf: bytes, pos: int, after: int) -> Parts:
    octets = 4 if after - pos == 34 else 16
    if octets == 16:
        _exactly(58, pos, after)
    tag_at = pos + _RD + ESI
    bits_at = tag_at + _TAG
    bits = buf[bits_at]
    if bits > 8 * octets:
        reason = f"prefix length {bits} is above {8 * octets}"
        raise WireError(reason, bits_at, (), "RFC 9136 3.1")
    gateway_at = bits_at + 1 + octets
    prefix = int.from_bytes(buf[bits_at + 1 : gateway_at], "big")
    spare = 8 * octets - bits
    key = buf[pos : pos + _RD] + buf[tag_at : bits_at + 1]
    key += (prefix >> spare << spare).to_bytes(octets, "big")
    return key, buf[pos + _RD : tag_at] + buf[gateway_at:after]


def _describe_ip_prefix(key: bytes, detail: bytes) -> Described:
    shown: Described = {
        **_segment(detail),
        "ethernet_tag": _tag(key[:_TAG]),
        "prefix": f"{address_text(key[_TAG + 1 :])}/{key[_TAG]}",
    }
    if detail:
        shown["gateway"] = address_text(detail[ESI:-_LABEL])
        shown |= _labels(detail[-_LABEL:])
    return shown


# ---- RFC 9251 9.1 to 9.3


def _multicast(buf: bytes, pos: int, after: int) -> int:
    """Where source, group and originator end; a length of 0 is a wildcard."""
    group_at = _address(buf, pos, after, may_lack=True)
    return _address(buf, _address(buf, group_at, after, may_lack=True), after)


def _read_multicast(buf: bytes, pos: int, after: int, fixed: int, rest: int) -> Parts:
    """`fixed` octets before the addresses and `rest` octets after them that are no key."""
    key_end = _multicast(buf, pos + fixed, after)
    _exactly(key_end + rest - pos, pos, after)
    return buf[pos:key_end], buf[key_end:after]


def _read_selective_multicast(buf: bytes, pos: int, after: int) -> Parts:
    return _read_multicast(buf, pos, after, _RD + _TAG, 1)


def _read_membership_report(buf: bytes, pos: int, after: int) -> Parts:
    return _read_multicast(buf, pos, after, _RD + ESI + _TAG, 1)


def _read_leave(buf: bytes, pos: int, after: int) -> Parts:
    return _read_multicast(buf, pos, after, _RD + ESI + _TAG, 6)


def _describe_selective_multicast(key: bytes, detail: bytes) -> Described:
    group_at = _TAG + 1 + (key[_TAG] >> 3)
    originator_at = group_at + 1 + (key[group_at] >> 3)
    return {
        "ethernet_tag": _tag(key[:_TAG]),
        "source": address_text(key[_TAG + 1 : group_at]) or "*",
        "group": address_text(key[group_at + 1 : originator_at]) or "*",
        "originator": address_text(key[originator_at + 1 :]),
        **_flags(detail),
    }


def _describe_membership_report(key: bytes, detail: bytes) -> Described:
    return {"esi": describe_esi(key[:ESI]), **_describe_selective_multicast(key[ESI:], detail)}


def _describe_leave(key: bytes, detail: bytes) -> Described:
    time: Described = {"maximum_response_time": detail[4]} if detail else {}
    return {**_describe_membership_report(key, detail), **time}


def _flags(detail: bytes) -> Described:
    if not detail:
        return {}
    return {"flags": [name for bit, name in enumerate(_SMET_FLAGS) if detail[-1] >> bit & 1]}


_FORMS = {
    1: _Form("Ethernet auto-discovery", _read_auto_discovery, _describe_auto_discovery),
    2: _Form("MAC/IP advertisement", _read_mac_ip, _describe_mac_ip),
    3: _Form(
        "inclusive multicast Ethernet tag",
        _read_inclusive_multicast,
        _describe_inclusive_multicast,
    ),
    4: _Form("Ethernet segment", _read_segment, _describe_segment),
    5: _Form("IP prefix", _read_ip_prefix, _describe_ip_prefix),
    6: _Form(
        "selective multicast Ethernet tag",
        _read_selective_multicast,
        _describe_selective_multicast,
    ),
    7: _Form(
        "multicast membership report synch",
        _read_membership_report,
        _describe_membership_report,
    ),
    8: _Form("multicast leave synch", _read_leave, _describe_leave),
}
_OTHER_TYPES = {9: "per-region I-PMSI A-D", 10: "S-PMSI A-D", 11: "leaf A-D"}  # RFC 9572 3
