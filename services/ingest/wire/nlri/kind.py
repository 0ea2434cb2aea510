"""What a family other than unicast and multicast has to offer.

A reader takes a field, the position of one NLRI and the end of the field. It gives where the
next NLRI starts, the key and the detail, or raises WireError. A description takes key and
detail; where the detail is empty although the family has details, it tells what the key tells.
"""

from collections.abc import Callable
from typing import final

from services.ingest.wire.errors import WireError

Read = tuple[int, bytes, bytes]
Described = dict[str, object]
Reader = Callable[[bytes, int, int], Read]
Description = Callable[[bytes, bytes], Described]


@final
class Kind:
    """How the NLRI of one family are read and shown.

    `in_bits` says that an NLRI starts with its length in bits, as a prefix does.
    """

    __slots__ = ("describe", "has_details", "in_bits", "read")

    def __init__(
        self,
        read: Reader,
        describe: Description,
        *,
        has_details: bool = False,
        in_bits: bool = False,
    ) -> None:
        self.read = read
        self.describe = describe
        self.has_details = has_details
        self.in_bits = in_bits


def overrun(pos: int, section: str = "RFC 7606 5.4") -> WireError:
    return WireError("NLRI runs past the NLRI field", pos, (), section)
