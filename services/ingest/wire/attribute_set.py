"""From the octets of the path attributes to one PathAttributes, once for each distinct set."""

from struct import Struct
from typing import NamedTuple, final

from services.ingest.wire.attribute_readers import (
    AS_PATH,
    EXTENDED_LENGTH,
    MP_REACH,
    MP_UNREACH,
    NEXT_HOP,
    OPTIONAL,
    ORIGIN,
    RULES,
    TRANSITIVE,
    Rule,
)
from services.ingest.wire.attributes import PathAttributes
from services.ingest.wire.errors import WireError
from services.ingest.wire.native import mypyc_attr

_SPECIFIED_FLAGS = OPTIONAL | TRANSITIVE
_CANONICAL_HEAD = Struct(">BBH")


@final
@mypyc_attr(acyclic=True)
class Located:
    """Where one attribute lies: its header from `start`, its value from `value` to `end`."""

    __slots__ = ("end", "flags", "kind", "start", "value")

    def __init__(self, kind: int, flags: int, start: int, value: int, end: int) -> None:
        self.kind = kind
        self.flags = flags
        self.start = start
        self.value = value
        self.end = end


class NextHop(NamedTuple):
    """The next hop of an MP_REACH_NLRI (RFC 4760 3, RFC 2545 3, RFC 8950 3)."""

    address: bytes | None
    link_local: bytes | None


def locate(buf: bytes, pos: int, end: int) -> tuple[list[Located], WireError | None]:
    """The attributes between `pos` and `end`; the error where one runs past (RFC 7606 4)."""
    out: list[Located] = []
    while pos < end:
        flags = buf[pos]
        value = pos + (4 if flags & EXTENDED_LENGTH else 3)
        if value > end:
            return out, WireError("attribute header runs past the UPDATE", pos, (), "RFC 7606 4")
        length = buf[pos + 2]
        if flags & EXTENDED_LENGTH:
            length = length << 8 | buf[pos + 3]
        after = value + length
        if after > end:
            reason = f"attribute {buf[pos + 1]} of {length} octets runs past the UPDATE"
            return out, WireError(reason, pos, (), "RFC 7606 4")
        out.append(Located(buf[pos + 1], flags, pos, value, after))
        pos = after
    return out, None


def decode_attributes(
    buf: bytes, located: list[Located], as_octets: int, next_hop: NextHop | None, announced_at: int
) -> PathAttributes:
    """One set from the attributes in `located`, MP_REACH_NLRI and MP_UNREACH_NLRI left aside.

    `next_hop` is that of MP_REACH_NLRI, None where NEXT_HOP tells it. `announced_at` is where
    the attributes of an announcement start, which must have some (RFC 7606 3 d), or -1. Errors
    are kept in the set, never raised.
    """
    out = PathAttributes(as_octets)
    errors: list[WireError] = []
    wanted = _first_of_each(located, out, errors)
    if next_hop is not None:
        out.next_hop, out.next_hop_link_local = next_hop
    kept: list[Located] = []
    for item in wanted:
        if item.kind == NEXT_HOP and next_hop is not None:
            continue  # RFC 4760 3: to be ignored beside MP_REACH_NLRI
        rule = RULES.get(item.kind)
        if rule is None:
            out.unknown = (*out.unknown, (item.kind, item.flags, buf[item.value : item.end]))
            kept.append(item)
        elif _read(out, buf, item, rule, errors):
            kept.append(item)
    if announced_at >= 0:
        _require(announced_at, out, errors)
    if errors:
        out.errors = tuple(errors)
    out.identity = _identity(buf, kept, out)
    return out


def _first_of_each(
    located: list[Located], out: PathAttributes, errors: list[WireError]
) -> list[Located]:
    """In the order of their types; RFC 7606 3 g: of one that comes again the first counts."""
    wanted: list[Located] = []
    present = repeated = 0
    for item in located:
        kind = item.kind
        if kind in (MP_REACH, MP_UNREACH):
            continue
        bit = 1 << kind
        if not present & bit:
            present |= bit
            wanted.append(item)
        elif not repeated & bit:
            repeated |= bit
            reason = f"attribute {kind} comes again and is discarded"
            errors.append(WireError(reason, item.start, ("path attributes",), "RFC 7606 3 g"))
    out.present = present
    wanted.sort(key=_kind)
    return wanted


def _kind(item: Located) -> int:
    return item.kind


def _read(
    out: PathAttributes, buf: bytes, item: Located, rule: Rule, errors: list[WireError]
) -> bool:
    """Whether the attribute is part of the set; what is wrong with it goes to `errors`."""
    if item.flags & _SPECIFIED_FLAGS != rule.flags:
        reason = f"flags {item.flags:#04x} are not those of the attribute"
        errors.append(WireError(reason, item.start, (rule.name,), "RFC 7606 3 c"))
        out.withdraws = True
        return False
    try:
        rule.read(out, buf, item.value, item.end)
    except WireError as error:
        errors.append(error.within(rule.name))
        out.withdraws = out.withdraws or rule.withdraws
        return False
    return True


def _require(pos: int, out: PathAttributes, errors: list[WireError]) -> None:
    """RFC 7606 3 d, but for NEXT_HOP: whether a route may lack that depends on the view."""
    for kind in (ORIGIN, AS_PATH):
        if not out.has(kind):
            reason = f"{RULES[kind].name} is missing"
            errors.append(WireError(reason, pos, ("path attributes",), "RFC 7606 3 d"))
            out.withdraws = True


def _identity(buf: bytes, kept: list[Located], out: PathAttributes) -> bytes:
    """What decides equality: each attribute with the flags that mean something, the next hop."""
    as_octets = out.as_octets if out.as_path or out.aggregator else 4
    parts = [bytes((as_octets,))]
    for item in kept:
        kind = item.kind
        if kind != NEXT_HOP:
            value, end = item.value, item.end
            parts.append(_CANONICAL_HEAD.pack(item.flags & 0xE0, kind, end - value))
            parts.append(buf[value:end])
    parts += (b"\0\x03", out.next_hop or b"", out.next_hop_link_local or b"")
    return b"".join(parts)
