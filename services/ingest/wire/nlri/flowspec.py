"""FlowSpec filters (RFC 8955 4, RFC 8956 3), also in a VPN (RFC 8955 8).

A filter is its length, in a VPN a route distinguisher, and components: an octet of type, each
above the one before, and a prefix or a list of operators with values.

    0   1   2   3   4   5   6   7
  +---+---+---+---+---+---+---+---+
  | e | a |  len  | 0 |lt |gt |eq |  numeric: end of list, and, octets of the value as 2^len
  +---+---+---+---+---+---+---+---+
  | e | a |  len  | 0 | 0 |not| m |  bitmask: m matches all bits of the value, else any
  +---+---+---+---+---+---+---+---+

The key is the filter without its length, which one or two octets may hold.
"""

from services.ingest.wire.errors import WireError
from services.ingest.wire.nlri.kind import Described, Read, overrun
from services.ingest.wire.nlri.prefixes import SPARE_BITS
from services.ingest.wire.text import address_text, route_distinguisher_text

_RD = 8
_NAMES = {
    1: "destination",
    2: "source",
    3: "protocol",
    4: "port",
    5: "destination-port",
    6: "source-port",
    7: "icmp-type",
    8: "icmp-code",
    9: "tcp-flags",
    10: "packet-length",
    11: "dscp",
    12: "fragment",
    13: "flow-label",
}
_LAST_IPV4, _LAST_IPV6 = 12, 13
_SOURCE, _TCP_FLAGS, _FRAGMENT = 2, 9, 12
_TCP_BITS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
_FRAGMENT_BITS = ("dont-fragment", "is-fragment", "first-fragment", "last-fragment")
_END, _AND, _NOT, _MATCH = 0x80, 0x40, 0x02, 0x01
_COMPARISONS = ("false", "=", ">", ">=", "<", "<=", "!=", "true")

Component = tuple[int, int, int]
"""Type, and where its prefix or operators start and end."""


def read_ipv4(buf: bytes, pos: int, end: int) -> Read:
    return _read(buf, pos, end, 32, 0)


def read_ipv6(buf: bytes, pos: int, end: int) -> Read:
    return _read(buf, pos, end, 128, 0)


def read_vpnv4(buf: bytes, pos: int, end: int) -> Read:
    return _read(buf, pos, end, 32, _RD)


def read_vpnv6(buf: bytes, pos: int, end: int) -> Read:
    return _read(buf, pos, end, 128, _RD)


def _read(buf: bytes, pos: int, end: int, max_bits: int, rd: int) -> Read:
    start, length = pos + 1, buf[pos]
    if length >= 0xF0:  # RFC 8955 4.1: twelve bits in two octets
        if end - pos < 2:
            raise overrun(pos, "RFC 8955 4.1")
        start, length = pos + 2, (buf[pos] & 0x0F) << 8 | buf[pos + 1]
    after = start + length
    if after > end:
        raise overrun(pos, "RFC 8955 4.1")
    if length <= rd:
        raise WireError("filter has no component", pos, (), "RFC 8955 4.2")
    key = buf[start:after]
    for kind, value, value_end in _components(buf, start + rd, after, max_bits):
        if kind <= _SOURCE:
            spare = SPARE_BITS[_pattern_bits(buf, value, max_bits) & 7]
            if buf[value_end - 1] & spare:
                last = value_end - 1 - start
                key = key[:last] + bytes((key[last] & ~spare & 0xFF,)) + key[last + 1 :]
    return after, key, b""


def _components(buf: bytes, pos: int, end: int, max_bits: int) -> list[Component]:
    """All components, their types rising and every list ended (RFC 8955 4.2)."""
    found: list[Component] = []
    before = 0
    last = _LAST_IPV4 if max_bits == 32 else _LAST_IPV6
    while pos < end:
        kind = buf[pos]
        if not before < kind <= last:
            reason = f"component type {kind} after {before}" if before else f"type {kind}"
            raise WireError(f"{reason} is not allowed", pos, (), "RFC 8955 4.2")
        try:
            after = _component_end(buf, kind, pos + 1, end, max_bits)
        except WireError as error:
            raise error.within(_NAMES[kind]) from None
        found.append((kind, pos + 1, after))
        before, pos = kind, after
    return found


def _component_end(buf: bytes, kind: int, pos: int, end: int, max_bits: int) -> int:
    if kind > _SOURCE:
        return _operators_end(buf, pos, end)
    head = 1 if max_bits == 32 else 2
    if pos + head > end:
        raise WireError("prefix runs past the filter", pos, (), "RFC 8955 4.2.2.1")
    bits, offset = buf[pos], buf[pos + 1] if head == 2 else 0
    if bits > max_bits:
        raise WireError(f"prefix length {bits} is above {max_bits}", pos, (), "RFC 7606 5.3")
    if offset and offset >= bits:
        reason = f"offset {offset} is not below the length {bits}"
        raise WireError(reason, pos + 1, (), "RFC 8956 3.1")
    after = pos + head + (bits - offset + 7 >> 3)
    if after > end:
        raise WireError("prefix runs past the filter", pos, (), "RFC 8955 4.2.2.1")
    return after


def _pattern_bits(buf: bytes, pos: int, max_bits: int) -> int:
    return buf[pos] if max_bits == 32 else buf[pos] - buf[pos + 1]


def _operators_end(buf: bytes, pos: int, end: int) -> int:
    while pos < end:
        after = pos + 1 + (1 << (buf[pos] >> 4 & 3))
        if after > end:
            break
        if buf[pos] & _END:
            return after
        pos = after
    raise WireError("list of operators has no end in the filter", pos, (), "RFC 8955 4.2.1")


# ---- as text


def describe_ipv4(key: bytes, _detail: bytes) -> Described:
    return _describe(key, 0, 32)


def describe_ipv6(key: bytes, _detail: bytes) -> Described:
    return _describe(key, 0, 128)


def describe_vpnv4(key: bytes, _detail: bytes) -> Described:
    return {"rd": route_distinguisher_text(key[:_RD]), **_describe(key, _RD, 32)}


def describe_vpnv6(key: bytes, _detail: bytes) -> Described:
    return {"rd": route_distinguisher_text(key[:_RD]), **_describe(key, _RD, 128)}


def _describe(key: bytes, pos: int, max_bits: int) -> Described:
    """`match` as one text, and its parts: `&` within a list binds before `or`."""
    parts = [
        {"type": kind, "name": _NAMES[kind], "match": _text(key, kind, start, end, max_bits)}
        for kind, start, end in _components(key, pos, len(key), max_bits)
    ]
    match = " and ".join(f"{part['name']} {part['match']}" for part in parts)
    return {"match": match, "components": parts}


def _text(buf: bytes, kind: int, pos: int, end: int, max_bits: int) -> str:
    if kind <= _SOURCE:
        return _prefix(buf, pos, end, max_bits)
    words: list[str] = []
    start = pos
    while pos < end:
        operator = buf[pos]
        after = pos + 1 + (1 << (operator >> 4 & 3))
        value = int.from_bytes(buf[pos + 1 : after], "big")
        if pos > start:  # RFC 8955 4.2.1.1: the first has nothing to be joined with
            words.append("&" if operator & _AND else " or ")
        words.append(_term(kind, operator, value))
        pos = after
    return "".join(words)


def _prefix(buf: bytes, pos: int, end: int, max_bits: int) -> str:
    if max_bits == 32:
        return f"{address_text(buf[pos + 1 : end].ljust(4, bytes(1)))}/{buf[pos]}"
    bits, offset = buf[pos], buf[pos + 1]
    pattern = int.from_bytes(buf[pos + 2 : end].ljust(16, bytes(1)), "big") >> offset
    text = address_text(pattern.to_bytes(16, "big"))
    return f"{text}/{offset}-{bits}" if offset else f"{text}/{bits}"  # RFC 8956 3.1


def _term(kind: int, operator: int, value: int) -> str:
    if kind == _TCP_FLAGS:
        return _bits(operator, value, _TCP_BITS)
    if kind == _FRAGMENT:
        return _bits(operator, value, _FRAGMENT_BITS)
    comparison = _COMPARISONS[operator & 7]
    return comparison if operator & 7 in (0, 7) else f"{comparison}{value}"


def _bits(operator: int, value: int, names: tuple[str, ...]) -> str:
    """`=syn+ack` all of these bits, `syn+ack` any of them, either with `!` before it negated."""
    known = [name for bit, name in enumerate(names) if value >> bit & 1]
    rest = value >> len(names) << len(names)
    words = [*known, *([hex(rest)] if rest or not known else [])]
    negation = "!" if operator & _NOT else ""
    return f"{negation}{'=' if operator & _MATCH else ''}{'+'.join(words)}"
