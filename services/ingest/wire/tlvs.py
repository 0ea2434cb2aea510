"""Elements with a type and a length inside a path attribute, checked before they are read."""

from typing import NamedTuple

from services.ingest.wire.errors import WireError


class Element(NamedTuple):
    """One element: its type, and where its value starts and ends."""

    kind: int
    pos: int
    end: int


def elements(
    buf: bytes, pos: int, end: int, type_size: int, length_size: int, section: str
) -> list[Element]:
    """The elements between `pos` and `end`; the length counts the value alone."""
    out: list[Element] = []
    while pos < end:
        value = pos + type_size + length_size
        if value > end:
            raise WireError("TLV header runs past its field", pos, (), section)
        kind = int.from_bytes(buf[pos : pos + type_size], "big")
        after = value + int.from_bytes(buf[pos + type_size : value], "big")
        if after > end:
            reason = f"TLV {kind} of {after - value} octets runs past its field"
            raise WireError(reason, pos, (), section)
        out.append(Element(kind, value, after))
        pos = after
    return out
