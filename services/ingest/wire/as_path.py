"""AS_PATH segments (RFC 4271 4.3, RFC 5065 3) and the merge with AS4_PATH (RFC 6793 4.2.3)."""

from struct import unpack_from

from services.ingest.wire.errors import WireError

AS_SET = 1
AS_SEQUENCE = 2
AS_CONFED_SEQUENCE = 3
AS_CONFED_SET = 4

AS_TRANS = 23456

Segment = tuple[int, tuple[int, ...]]
AsPath = tuple[Segment, ...]

_BRACKETS = {
    AS_SET: ("{", "}"),
    AS_SEQUENCE: ("", ""),
    AS_CONFED_SEQUENCE: ("(", ")"),
    AS_CONFED_SET: ("[", "]"),
}


def decode_as_path(buf: bytes, pos: int, end: int, as_octets: int) -> AsPath:
    """The segments between `pos` and `end`, with AS numbers of 2 or 4 octets."""
    letter = "I" if as_octets == 4 else "H"
    segments: list[Segment] = []
    while pos < end:
        if end - pos < 2:
            raise WireError("segment header runs past the attribute", pos, (), "RFC 7606 7.2")
        kind, count = buf[pos], buf[pos + 1]
        if kind not in _BRACKETS:
            raise WireError(f"segment type {kind} is unknown", pos, (), "RFC 7606 7.2")
        if count == 0:
            raise WireError("segment holds no AS number", pos + 1, (), "RFC 7606 7.2")
        after = pos + 2 + count * as_octets
        if after > end:
            raise WireError("segment runs past the attribute", pos, (), "RFC 7606 7.2")
        numbers = unpack_from(f">{count}{letter}", buf, pos + 2)
        if 0 in numbers:
            raise WireError("segment holds AS number 0", pos, (), "RFC 7607 2")
        segments.append((kind, numbers))
        pos = after
    return tuple(segments)


def path_length(path: AsPath) -> int:
    """AS numbers as route selection counts them: a set is one, confederations are none."""
    length = 0
    for kind, numbers in path:
        if kind == AS_SEQUENCE:
            length += len(numbers)
        elif kind == AS_SET:
            length += 1
    return length


def merge_as4_path(path: AsPath, as4_path: AsPath) -> AsPath:
    """The path with its 4-octet tail from AS4_PATH put back (RFC 6793 4.2.3)."""
    surplus = path_length(path) - path_length(as4_path)
    if surplus < 0:
        return path  # the section: AS4_PATH is then ignored
    head: list[Segment] = []
    for kind, numbers in path:
        if kind in (AS_CONFED_SEQUENCE, AS_CONFED_SET):
            head.append((kind, numbers))
            continue
        size = 1 if kind == AS_SET else len(numbers)
        if surplus > 0:
            head.append((kind, numbers if kind == AS_SET else numbers[:surplus]))
        if surplus < size:
            break  # a confederation beyond is next to no segment that was put before
        surplus -= size
    return _joined(head, as4_path)


def _joined(head: list[Segment], tail: AsPath) -> AsPath:
    """Two adjoining AS_SEQUENCEs are one segment unless it would hold more than 255 numbers."""
    if head and tail and head[-1][0] == tail[0][0] == AS_SEQUENCE:
        numbers = head[-1][1] + tail[0][1]
        if len(numbers) <= 255:
            return (*head[:-1], (AS_SEQUENCE, numbers), *tail[1:])
    return (*head, *tail)


def origin_asn(path: AsPath) -> int | None:
    """The last AS of the path; None where the path is empty or ends in a set or confederation."""
    if not path or path[-1][0] != AS_SEQUENCE:
        return None
    return path[-1][1][-1]


def as_path_text(path: AsPath) -> str:
    """`65020 174 {64512 64513} (65001) [65002]`: sequence, set, confederation sequence and set."""
    words = []
    for kind, numbers in path:
        left, right = _BRACKETS[kind]
        words.append(left + " ".join(map(str, numbers)) + right)
    return " ".join(words)


def as_path_json(path: AsPath) -> list[int | list[int] | dict[str, list[int]]]:
    """AS numbers in order, an AS_SET as a list, confederation segments as named objects."""
    out: list[int | list[int] | dict[str, list[int]]] = []
    for kind, numbers in path:
        if kind == AS_SEQUENCE:
            out.extend(numbers)
        elif kind == AS_SET:
            out.append(list(numbers))
        else:
            name = "confed_sequence" if kind == AS_CONFED_SEQUENCE else "confed_set"
            out.append({name: list(numbers)})
    return out
