"""What can be wrong with bytes: one exception tree.

    WireError            these bytes are not what the RFC says
    └── FramingError     the byte stream itself cannot be followed any further

Every reader of this package returns an object or raises one of these; no input makes it raise
anything else.
"""


class WireError(Exception):
    """Bytes that an RFC forbids: what is wrong, where, and inside what.

    `offset` counts octets from the first octet of the BMP message (from the first octet of what
    was handed in, where a reader is called on its own). `context` runs from the outermost part
    to the innermost. `section` names the RFC section that is broken, or is empty.
    """

    def __init__(
        self, reason: str, offset: int, context: tuple[str, ...] = (), section: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.context = context
        self.section = section

    def __str__(self) -> str:
        chain = "".join(f"in {part}: " for part in self.context)
        section = f" ({self.section})" if self.section else ""
        return f"{chain}{self.reason}, at byte {self.offset}{section}"

    def within(self, part: str, shift: int = 0) -> "WireError":
        """The same error seen from outside: inside `part`, with its offset moved by `shift`."""
        context = (part, *self.context) if part else self.context
        return WireError(self.reason, self.offset + shift, context, self.section)


class FramingError(WireError):
    """The common header is not BMP version 3, or its length is impossible: the stream is lost.

    `offset` counts from the first octet of the stream. The text says what the router should do.
    """
