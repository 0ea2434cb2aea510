"""Single fields: a length of four octets (-1 for NULL) and the value as the server receives it.

Source: PostgreSQL manual, COPY, "Binary Format"; inet_send, array_send and jsonb_send.
"""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

OID_INT8, OID_TEXT, OID_INET = 20, 25, 869

# Microseconds from 1970 to 2000, and days, where PostgreSQL's clock starts.
_EPOCH_2000_US = 946_684_800_000_000
_EPOCH_2000_DAYS = 10_957
_US_OF_A_DAY = 86_400_000_000

# The address family numbers of inet_send: not those of the operating system.
_PG_INET = 2
_PG_INET6 = 3

INT8 = struct.Struct(">iq")
_INT4 = struct.Struct(">ii")
_INT2 = struct.Struct(">ih")
_ARRAY_FIELD = struct.Struct(">iiiiii")
_REMEMBERED = 200_000
_JSONB_VERSION = b"\1"
# NUL escaped, or a backslash, behind which the same letters are but text.
_NUL_OR_BACKSLASH = re.compile(r"\\u0000|(\\\\)")


def row(*fields: bytes) -> bytes:
    """A row of these fields."""
    return len(fields).to_bytes(2, "big") + b"".join(fields)


def copy_payload(rows: Iterable[bytes]) -> bytes:
    """A whole binary COPY stream."""
    return b"".join((COPY_HEADER, *rows, COPY_TRAILER))


def since_2000(time_us: int) -> int:
    """Microseconds since 1970 as PostgreSQL counts them."""
    return time_us - _EPOCH_2000_US


def since_1970(time_us: int) -> int:
    """The other way round."""
    return time_us + _EPOCH_2000_US


def timestamp(time_us: int | None) -> bytes:
    """timestamptz, from microseconds since 1970."""
    return NULL if time_us is None else INT8.pack(8, since_2000(time_us))


def date(time_us: int) -> bytes:
    """The day (UTC) of a moment in microseconds since 1970."""
    return _INT4.pack(4, time_us // _US_OF_A_DAY - _EPOCH_2000_DAYS)


def int8(value: int | None) -> bytes:
    return NULL if value is None else INT8.pack(8, value)


def int4(value: int | None) -> bytes:
    return NULL if value is None else _INT4.pack(4, value)


def int2(value: int | None) -> bytes:
    return NULL if value is None else _INT2.pack(2, value)


def boolean(value: bool) -> bytes:
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def bytea(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def text(value: str | None) -> bytes:
    # PostgreSQL's text cannot hold NUL, and what a router sent may.
    return NULL if value is None else bytea(value.replace("\0", "").encode())


def jsonb(value: object) -> bytes:
    """jsonb; NULL for None and for what is empty."""
    if not value:
        return NULL
    # NUL cannot be stored, escaped as little as plain.
    encoded = _NUL_OR_BACKSLASH.sub(r"\1", json.dumps(value, separators=(",", ":")))
    return bytea(_JSONB_VERSION + encoded.encode())


def inet(address: bytes | None) -> bytes:
    """An address of 4 or 16 octets."""
    if address is None:
        return NULL
    return (_HOST if len(address) == 4 else _HOST6) + address


def macaddr(octets: bytes | None) -> bytes:
    return NULL if octets is None else bytea(octets)


def network(octets: bytes, bits: int, *, is_cidr: int = 1) -> bytes:
    """cidr: a network of 4 or 16 octets whose spare bits are zero."""
    family = _PG_INET if len(octets) == 4 else _PG_INET6
    return before_network(family, bits, len(octets), is_cidr) + octets


def before_network(family: int, bits: int, octets: int, is_cidr: int = 1) -> bytes:
    """All of a network's field but its octets; `family` as inet_send has it."""
    return struct.pack(">iBBBB", 4 + octets, family, bits, is_cidr, octets)


_HOST = before_network(_PG_INET, 32, 4, is_cidr=0)
_HOST6 = before_network(_PG_INET6, 128, 16, is_cidr=0)


def array(element_type: int, fields: list[bytes]) -> bytes:
    """An array of encoded fields, which may be empty."""
    if not fields:
        return struct.pack(">iiii", 12, 0, 0, element_type)
    body = b"".join(fields)
    return _ARRAY_FIELD.pack(20 + len(body), 1, 0, element_type, len(fields), 1) + body


class _Int8Fields(dict[int, bytes]):
    """The fields of numbers that are met again and again: AS numbers and communities."""

    def __missing__(self, value: int) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        field = self[value] = int8(value)
        return field


_int8_fields = _Int8Fields()


def int8_array(values: Sequence[int]) -> bytes:
    """int8[] of numbers."""
    count = len(values)
    if not count:
        return _EMPTY_INT8_ARRAY
    head = _ARRAY_FIELD.pack(20 + 12 * count, 1, 0, OID_INT8, count, 1)
    return head + b"".join(map(_int8_fields.__getitem__, values))


def text_array(values: Sequence[str]) -> bytes:
    """text[] of strings."""
    return array(OID_TEXT, [text(one) for one in values])


_EMPTY_INT8_ARRAY = array(OID_INT8, [])
