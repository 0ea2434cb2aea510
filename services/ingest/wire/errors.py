"""What can be wrong with bytes: one exception tree.

    WireError            these bytes are not what the RFC says
    └── FramingError     the byte stream itself cannot be followed any further

Every reader of this package returns an object or raises one of these; no input makes it raise
anything else.
"""

from enum import IntEnum


class Approach(IntEnum):
    """What an error in an UPDATE leads to, the weakest first (RFC 7606 2).

    A station has no BGP session to reset: what would reset it makes the message a
    MalformedMessage, and nothing that it says is believed.
    """

    ATTRIBUTE_DISCARD = 1
    TREAT_AS_WITHDRAW = 2
    SESSION_RESET = 3

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = ("", "attribute discard", "treat-as-withdraw", "session reset")


class WireError(Exception):
    """Bytes that an RFC forbids: what is wrong, where, and inside what.

    `offset` counts octets from the first octet of the BMP message (from the first octet of what
    was handed in, where a reader is called on its own). `context` runs from the outermost part
    to the innermost. `section` names the RFC section that is broken, or is empty. In an UPDATE
    `approach` is what the error leads to and `attribute` the type of the path attribute it is
    in, None where it is in none.
    """

    def __init__(
        self,
        reason: str,
        offset: int,
        context: tuple[str, ...] = (),
        section: str = "",
        *,
        approach: Approach | None = None,
        attribute: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.context = context
        self.section = section
        self.approach = approach
        self.attribute = attribute

    def __str__(self) -> str:
        chain = "".join(f"in {part}: " for part in self.context)
        section = f" ({self.section})" if self.section else ""
        return f"{chain}{self.reason}, at byte {self.offset}{section}"

    def within(self, part: str, shift: int = 0) -> "WireError":
        """The same error seen from outside: inside `part`, with its offset moved by `shift`."""
        return WireError(
            self.reason,
            self.offset + shift,
            (part, *self.context) if part else self.context,
            self.section,
            approach=self.approach,
            attribute=self.attribute,
        )

    def handled_by(self, approach: Approach, attribute: int | None = None) -> "WireError":
        """The same error with what it leads to, unless that is known already."""
        return WireError(
            self.reason,
            self.offset,
            self.context,
            self.section,
            approach=self.approach or approach,
            attribute=attribute if self.attribute is None else self.attribute,
        )


class FramingError(WireError):
    """The common header is not BMP version 3, or its length is impossible: the stream is lost.

    `offset` counts from the first octet of the stream. The text says what the router should do.
    """
