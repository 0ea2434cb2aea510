"""Labeled unicast (RFC 8277) and VPN routes (RFC 4364 4.3.4, RFC 4659, RFC 6514 10).

 +--------------------------+
 | length in bits (1)       |  of all that follows
 +--------------------------+
 | labels (3 each)          |  none in a multicast VPN
 +--------------------------+
 | route distinguisher (8)  |  in a VPN
 +--------------------------+
 | prefix                   |
 +--------------------------+

A withdrawal carries any label, and mostly 0x800000: it names the route without it.
"""

from services.ingest.wire.errors import WireError
from services.ingest.wire.nlri.kind import Described, Read
from services.ingest.wire.nlri.labels import label_values
from services.ingest.wire.nlri.prefixes import (
    ANY_LENGTH,
    SPARE_BITS,
    ip_prefix_text,
    without_spare_bits,
)
from services.ingest.wire.text import route_distinguisher_text

_WITHDRAWN = (0x800000, 0x000000)  # RFC 8277 2.4 and what was in use before it
_RD = 8


def read_ipv4_labeled(buf: bytes, pos: int, end: int) -> Read:
    return _read(buf, pos, end, 0, 32)


def read_ipv6_labeled(buf: bytes, pos: int, end: int) -> Read:
    return _read(buf, pos, end, 0, 128)


def read_vpnv4(buf: bytes, pos: int, end: int) -> Read:
    return _read(buf, pos, end, _RD, 32)


def read_vpnv6(buf: bytes, pos: int, end: int) -> Read:
    return _read(buf, pos, end, _RD, 128)


def read_vpnv4_multicast(buf: bytes, pos: int, end: int) -> Read:
    return _read_rest(buf, pos, end, 0, _RD, 32)


def read_vpnv6_multicast(buf: bytes, pos: int, end: int) -> Read:
    return _read_rest(buf, pos, end, 0, _RD, 128)


def _read(buf: bytes, pos: int, end: int, rd: int, max_bits: int) -> Read:
    if pos + ANY_LENGTH[buf[pos]] > end:
        raise _too_long(buf[pos], pos)
    return _read_rest(buf, pos, end, _stack_octets(buf, pos, rd), rd, max_bits)


def _read_rest(buf: bytes, pos: int, end: int, labels: int, rd: int, max_bits: int) -> Read:
    """What follows `labels` octets of labels, these included."""
    after = pos + ANY_LENGTH[buf[pos]]
    if after > end:
        raise _too_long(buf[pos], pos)
    bits = buf[pos] - 8 * (labels + rd)
    if bits < 0:
        head = " and ".join(["label"] * bool(labels) + ["route distinguisher"] * bool(rd))
        section = "RFC 8277 2.2" if labels else "RFC 6514 10"
        raise WireError(f"{buf[pos]} bits hold no {head}", pos, (), section)
    if bits > max_bits:
        raise WireError(f"prefix length {bits} is above {max_bits}", pos, (), "RFC 7606 5.3")
    rd_at = pos + 1 + labels
    prefix = bytes((bits,)) + buf[rd_at + rd : after]
    if bits & 7 and prefix[-1] & SPARE_BITS[bits & 7]:
        prefix = without_spare_bits(prefix)
    return after, buf[rd_at : rd_at + rd] + prefix, buf[pos + 1 : rd_at]


def _too_long(bits: int, pos: int) -> WireError:
    return WireError(f"NLRI of {bits} bits runs past its field", pos, (), "RFC 7606 5.3")


def _stack_octets(buf: bytes, pos: int, rd: int) -> int:
    """Octets of the label stack of the NLRI at `pos`: up to its bottom, else one label.

    Without the Multiple Labels Capability there is one label and its bottom bit means nothing
    (RFC 8277 2.2). Routers do send a stack without having said so, and a label without the bit
    (an SRv6 function, RFC 9252 4). In a VPN a stack that is none ends within the route
    distinguisher, and what follows is not of one of the three types that there are.
    """
    room = (buf[pos] >> 3) - rd
    size = 3
    while size <= room:
        at = pos + size - 2
        label = buf[at] << 16 | buf[at + 1] << 8 | buf[at + 2]
        if label & 1 or label in _WITHDRAWN:
            is_stack = size == 3 or not rd or (buf[at + 3] == 0 and buf[at + 4] <= 2)
            return size if is_stack else 3
        size += 3
    return 3


def describe_ipv4_labeled(key: bytes, detail: bytes) -> Described:
    return {"prefix": ip_prefix_text(1, key), **_labels(detail)}


def describe_ipv6_labeled(key: bytes, detail: bytes) -> Described:
    return {"prefix": ip_prefix_text(2, key), **_labels(detail)}


def describe_vpnv4(key: bytes, detail: bytes) -> Described:
    return _describe_vpn(1, key, detail)


def describe_vpnv6(key: bytes, detail: bytes) -> Described:
    return _describe_vpn(2, key, detail)


def _describe_vpn(afi: int, key: bytes, detail: bytes) -> Described:
    rd = route_distinguisher_text(key[:_RD])
    return {"rd": rd, "prefix": ip_prefix_text(afi, key[_RD:]), **_labels(detail)}


def _labels(detail: bytes) -> Described:
    return {"labels": label_values(detail)} if detail else {}


def vpn_prefix_text(afi: int, key: bytes) -> str:
    """`65000:1:192.0.2.0/24`: the route distinguisher before the prefix."""
    return f"{route_distinguisher_text(key[:_RD])}:{ip_prefix_text(afi, key[_RD:])}"
