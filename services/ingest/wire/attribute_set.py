"""From the octets of the path attributes to one PathAttributes, once for each distinct set."""

from struct import Struct
from typing import NamedTuple, final

from services.ingest.wire.as_path import AS_CONFED_SEQUENCE, AS_CONFED_SET
from services.ingest.wire.attribute_codes import (
    AS4_AGGREGATOR,
    AS4_PATH,
    AS_PATH,
    ATTR_SET,
    CLUSTER_LIST,
    EXTENDED_LENGTH,
    LOCAL_PREF,
    MP_REACH,
    MP_UNREACH,
    NEXT_HOP,
    OPTIONAL,
    OPTIONAL_TRANSITIVE,
    ORIGIN,
    ORIGINATOR_ID,
    TRANSITIVE,
)
from services.ingest.wire.attribute_readers import RULES, Rule
from services.ingest.wire.attributes import PathAttributes
from services.ingest.wire.errors import Approach, WireError
from services.ingest.wire.native import mypyc_attr

EXTERNAL = 8
"""Added to the octets of an AS number where an external peer sent the attributes."""

MAX_DEPTH = 4
"""ATTR_SETs inside one another that are read."""

_INTERNAL_ONLY = {LOCAL_PREF: "7.5", ORIGINATOR_ID: "7.9", CLUSTER_LIST: "7.10"}
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
            return out, _runs_past("attribute header runs past the UPDATE", pos)
        length = buf[pos + 2]
        if flags & EXTENDED_LENGTH:
            length = length << 8 | buf[pos + 3]
        after = value + length
        if after > end:
            reason = f"attribute {buf[pos + 1]} of {length} octets runs past the UPDATE"
            return out, _runs_past(reason, pos)
        out.append(Located(buf[pos + 1], flags, pos, value, after))
        pos = after
    return out, None


def _runs_past(reason: str, pos: int) -> WireError:
    error = WireError(reason, pos, ("path attributes",), "RFC 7606 4")
    return error.handled_by(Approach.TREAT_AS_WITHDRAW)


def decode_attributes(
    buf: bytes,
    located: list[Located],
    context: int,
    next_hop: NextHop | None,
    start: int,
    depth: int,
) -> PathAttributes:
    """One set from the attributes in `located`, MP_REACH_NLRI and MP_UNREACH_NLRI left aside.

    `context` is the octets of an AS number, plus EXTERNAL. `next_hop` is that of MP_REACH_NLRI,
    None where NEXT_HOP tells it. The attributes of the UPDATE start at `start`. Errors are kept
    in the set, never raised.
    """
    out = PathAttributes(context & 7)
    out.depth = depth
    errors: list[WireError] = []
    wanted = _first_of_each(located, out, errors)
    if next_hop is not None:
        out.next_hop, out.next_hop_link_local = next_hop
    kept: list[Located] = []
    for item in wanted:
        kind = item.kind
        if kind == NEXT_HOP and next_hop is not None:
            continue  # RFC 4760 3: to be ignored beside MP_REACH_NLRI
        if kind in _SUSPECT and _is_not_to_be_used(out, item, context, start):
            continue
        rule = RULES.get(kind)
        if rule is None:
            if not (item.flags & OPTIONAL or depth):
                errors.append(_unrecognized(item))
        elif not _read(out, buf, item, rule, errors):
            continue
        if rule is None or not rule.has_field:
            out.others = (*out.others, (kind, item.flags, buf[item.value : item.end]))
        kept.append(item)
    if errors:
        out.errors += tuple(errors)
    out.identity = _identity(buf, kept, out)
    return out


def _unrecognized(item: Located) -> WireError:
    """RFC 7606 leaves this one as RFC 4271 has it."""
    reason = f"attribute {item.kind} is well-known by its flags and not recognized"
    error = WireError(reason, item.start, ("path attributes",), "RFC 4271 6.3")
    return error.handled_by(Approach.SESSION_RESET, item.kind)


def require(out: PathAttributes, start: int) -> list[WireError]:
    """RFC 7606 3 d, but for NEXT_HOP: whether a route may lack that depends on the view."""
    return [
        WireError(
            f"{RULES[kind].name} is missing",
            start,
            ("path attributes",),
            "RFC 7606 3 d",
            approach=Approach.TREAT_AS_WITHDRAW,
            attribute=kind,
        )
        for kind in (ORIGIN, AS_PATH)
        if not out.has(kind)
    ]


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
            error = WireError(reason, item.start, ("path attributes",), "RFC 7606 3 g")
            errors.append(error.handled_by(Approach.ATTRIBUTE_DISCARD, kind))
    out.present = present
    wanted.sort(key=_kind)
    return wanted


def _kind(item: Located) -> int:
    return item.kind


_SUSPECT = frozenset((*_INTERNAL_ONLY, AS4_PATH, AS4_AGGREGATOR))


def _is_not_to_be_used(out: PathAttributes, item: Located, context: int, start: int) -> bool:
    """Attributes that the peer should not have sent; what they hold does not matter."""
    kind = item.kind
    if kind in _INTERNAL_ONLY:
        if not context & EXTERNAL or _inside_confederation(out):
            return False
        reason, section = "from an external peer", f"RFC 7606 {_INTERNAL_ONLY[kind]}"
    elif out.as_octets == 4:
        reason, section = "from a peer with AS numbers of 4 octets", "RFC 6793 6"
    else:
        return False
    error = WireError(reason, item.start - start, (RULES[kind].name,), section)
    out.discarded = (*out.discarded, error.handled_by(Approach.ATTRIBUTE_DISCARD, kind))
    return True


def _inside_confederation(out: PathAttributes) -> bool:
    """A member of the own confederation has another AS number and may send them (RFC 5065 5)."""
    return bool(out.as_path) and out.as_path[0][0] in (AS_CONFED_SEQUENCE, AS_CONFED_SET)


def _read(
    out: PathAttributes, buf: bytes, item: Located, rule: Rule, errors: list[WireError]
) -> bool:
    """Whether the attribute is part of the set; what is wrong with it goes to `errors`."""
    if item.flags & _SPECIFIED_FLAGS != rule.flags:
        reason = f"flags {item.flags:#04x} are not those of the attribute"
        error = WireError(reason, item.start, (), "RFC 7606 3 c", approach=rule.wrong_flags)
    else:
        try:
            rule.read(out, buf, item.value, item.end)
        except WireError as found:
            error = found
        else:
            return True
    errors.append(error.within(rule.name).handled_by(rule.approach, item.kind))
    return False


def _attr_set(out: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    """The AS of the customer, then attributes of its own with 4-octet AS numbers (RFC 6368 4)."""
    if end - pos < 4:
        raise WireError(f"length {end - pos} holds no AS number", pos, (), "RFC 7606 7.16")
    if out.depth >= MAX_DEPTH:
        raise WireError("one inside another too often", pos, (), "RFC 7606 7.16")
    located, error = locate(buf, pos + 4, end)
    if error is not None:
        raise error.handled_by(Approach.TREAT_AS_WITHDRAW, ATTR_SET)
    for item in located:
        if item.kind in (MP_REACH, MP_UNREACH):
            raise WireError(f"attribute {item.kind} inside it", item.start, (), "RFC 6368 4")
    inner = decode_attributes(buf, located, 4, None, pos + 4, out.depth + 1)
    for error in inner.errors:
        if error.approach is Approach.TREAT_AS_WITHDRAW:
            raise error
    out.errors += tuple(error.within("attr-set") for error in inner.errors)
    out.attr_set = int.from_bytes(buf[pos : pos + 4], "big"), inner


RULES[ATTR_SET] = Rule("attr-set", OPTIONAL_TRANSITIVE, _attr_set, Approach.TREAT_AS_WITHDRAW)


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
