"""Prefixes of unicast and multicast: the hot path (RFC 4271 4.3, RFC 4760 5).

The canonical form is the RFC's own: one octet with the length in bits, then the fewest octets
that hold it, the spare bits of the last one zero.
"""

from services.ingest.wire import families
from services.ingest.wire.errors import WireError
from services.ingest.wire.nlri.nlri_set import NlriSet
from services.ingest.wire.text import ipv4_text, ipv6_text

_NEVER = 1 << 30
SPARE_BITS = (0, 0x7F, 0x3F, 0x1F, 0x0F, 0x07, 0x03, 0x01)
"""The bits of a last octet that a prefix does not use, by its length modulo 8."""


def _sizes(max_bits: int) -> tuple[int, ...]:
    """Octets of a prefix, its length octet included, by its length in bits."""
    return tuple(1 + (bits + 7 >> 3) if bits <= max_bits else _NEVER for bits in range(256))


PREFIX_SIZES = {
    families.IPV4_UNICAST: _sizes(32),
    families.IPV4_MULTICAST: _sizes(32),
    families.IPV6_UNICAST: _sizes(128),
    families.IPV6_MULTICAST: _sizes(128),
}
ANY_LENGTH = _sizes(255)


def split_prefixes(family: int, sizes: tuple[int, ...], buf: bytes, pos: int, end: int) -> NlriSet:
    """The prefixes between `pos` and `end`, without path identifiers."""
    out: list[bytes] = []
    append = out.append
    tidy = True
    while pos < end:
        bits = buf[pos]
        after = pos + sizes[bits]
        if after > end:
            raise _prefix_error(bits, sizes, pos)
        if bits & 7 and buf[after - 1] & SPARE_BITS[bits & 7]:
            append(without_spare_bits(buf[pos:after]))
            tidy = False
        else:
            append(buf[pos:after])
        pos = after
    return NlriSet(family, out, None, None, tidy)


def split_add_path_prefixes(
    family: int, sizes: tuple[int, ...], buf: bytes, pos: int, end: int
) -> NlriSet:
    """The prefixes between `pos` and `end` and the path identifier before each."""
    out: list[bytes] = []
    path_ids: list[int] = []
    append = out.append
    tidy = True
    while pos < end:
        start = pos + 4
        if start >= end:
            raise path_id_error(pos)
        path_ids.append(buf[pos] << 24 | buf[pos + 1] << 16 | buf[pos + 2] << 8 | buf[pos + 3])
        bits = buf[start]
        pos = start + sizes[bits]
        if pos > end:
            raise _prefix_error(bits, sizes, start)
        if bits & 7 and buf[pos - 1] & SPARE_BITS[bits & 7]:
            append(without_spare_bits(buf[start:pos]))
            tidy = False
        else:
            append(buf[start:pos])
    return NlriSet(family, out, path_ids, None, tidy)


def without_spare_bits(prefix: bytes) -> bytes:
    """The prefix (length octet and octets) with the bits beyond its length zero."""
    spare = SPARE_BITS[prefix[0] & 7]
    if not prefix[-1] & spare or len(prefix) == 1:
        return prefix
    return prefix[:-1] + bytes((prefix[-1] & ~spare & 0xFF,))


def path_id_error(pos: int) -> WireError:
    return WireError("path identifier runs past the NLRI field", pos, (), "RFC 7911 3")


def _prefix_error(bits: int, sizes: tuple[int, ...], pos: int) -> WireError:
    if sizes[bits] == _NEVER:
        longest = 32 if sizes[33] == _NEVER else 128
        reason = f"prefix length {bits} is above {longest}"
    else:
        reason = f"prefix of {bits} bits runs past the NLRI field"
    return WireError(reason, pos, (), "RFC 7606 5.3")


def ip_prefix_text(afi: int, prefix: bytes) -> str:
    """`192.0.2.0/24` of a canonical prefix; any `afi` but 1 is read as IPv6."""
    if afi == 1:
        return f"{ipv4_text(prefix[1:].ljust(4, bytes(1)))}/{prefix[0]}"
    return f"{ipv6_text(prefix[1:].ljust(16, bytes(1)))}/{prefix[0]}"
