"""From the octets of the path attributes to one PathAttributes, once for each distinct set."""

from typing import NamedTuple

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
)
from services.ingest.wire.attributes import PathAttributes
from services.ingest.wire.errors import WireError

_SPECIFIED_FLAGS = OPTIONAL | TRANSITIVE


class Located(NamedTuple):
    """Where one attribute lies: its header from `start`, its value from `value` to `end`."""

    kind: int
    flags: int
    start: int
    value: int
    end: int


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
    wanted = _first_of_each(located, errors)
    out.present = frozenset(wanted)
    if next_hop is not None:
        wanted.pop(NEXT_HOP, None)  # RFC 4760 3: to be ignored beside MP_REACH_NLRI
        out.next_hop, out.next_hop_link_local = next_hop
    kept = [item for _, item in sorted(wanted.items()) if _read(out, buf, item, errors)]
    out.unknown = tuple(
        (i.kind, i.flags, buf[i.value : i.end]) for i in kept if i.kind not in RULES
    )
    if announced_at >= 0:
        _require(wanted, announced_at, out, errors)
    out.errors = tuple(errors)
    out.identity = _identity(buf, kept, out)
    return out


def _first_of_each(located: list[Located], errors: list[WireError]) -> dict[int, Located]:
    """RFC 7606 3 g: of an attribute that comes more than once the first counts."""
    wanted: dict[int, Located] = {}
    repeated: set[int] = set()
    for item in located:
        if item.kind in (MP_REACH, MP_UNREACH):
            continue
        if wanted.setdefault(item.kind, item) is item or item.kind in repeated:
            continue
        repeated.add(item.kind)
        reason = f"attribute {item.kind} comes again and is discarded"
        errors.append(WireError(reason, item.start, ("path attributes",), "RFC 7606 3 g"))
    return wanted


def _read(out: PathAttributes, buf: bytes, item: Located, errors: list[WireError]) -> bool:
    """Whether the attribute is part of the set; what is wrong with it goes to `errors`."""
    rule = RULES.get(item.kind)
    if rule is None:
        return True
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


def _require(
    wanted: dict[int, Located], pos: int, out: PathAttributes, errors: list[WireError]
) -> None:
    """RFC 7606 3 d, but for NEXT_HOP: whether a route may lack that depends on the view."""
    for kind in (ORIGIN, AS_PATH):
        if kind not in wanted:
            reason = f"{RULES[kind].name} is missing"
            errors.append(WireError(reason, pos, ("path attributes",), "RFC 7606 3 d"))
            out.withdraws = True


def _identity(buf: bytes, kept: list[Located], out: PathAttributes) -> bytes:
    """What decides equality: each attribute with the flags that mean something, the next hop."""
    as_octets = out.as_octets if out.as_path or out.aggregator else 4
    parts = [bytes((as_octets,))]
    for kind, flags, _, value, end in kept:
        if kind != NEXT_HOP:
            head = bytes((flags & 0xE0, kind)) + (end - value).to_bytes(2, "big")
            parts += (head, buf[value:end])
    parts += (b"\0\x03", out.next_hop or b"", out.next_hop_link_local or b"")
    return b"".join(parts)
