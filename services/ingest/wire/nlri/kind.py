"""What a family other than unicast and multicast has to offer.

A reader takes a field, the position of one NLRI and the end of the field. It gives where the
next NLRI starts, the key and the detail, or raises WireError. A description takes key and
detail; where the detail is empty although the family has details, it tells what the key tells.
"""

from collections.abc import Callable
from typing import NamedTuple

from services.ingest.wire.errors import WireError

Read = tuple[int, bytes, bytes]
Described = dict[str, object]


class Kind(NamedTuple):
    """How the NLRI of one family are read and shown.

    `in_bits` says that an NLRI starts with its length in bits, as a prefix does.
    """

    read: Callable[[bytes, int, int], Read]
    describe: Callable[[bytes, bytes], Described]
    has_details: bool = False
    in_bits: bool = False


def overrun(pos: int, section: str = "RFC 7606 5.4") -> WireError:
    return WireError("NLRI runs past the NLRI field", pos, (), section)
