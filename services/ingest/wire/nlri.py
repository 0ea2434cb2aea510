"""Splitting an NLRI field into single NLRI, each as its canonical octets.

An NLRI stays octets: it is the key of a RIB, and text is made of it only on demand. For a
prefix the canonical form is RFC 4271 4.3's own: one octet with the length in bits, then the
fewest octets that hold it, the spare bits of the last one zero.

An extent function takes a field and a position, checks one NLRI there and returns where the
next one starts, or raises WireError. `EXTENTS` has one for each family whose NLRI can be told
apart; the NLRI of any other family are kept together as one opaque value.
"""

from collections.abc import Callable

from services.ingest.wire import families
from services.ingest.wire.errors import WireError
from services.ingest.wire.text import ipv4_text, ipv6_text

Extent = Callable[[bytes, int, int], int]

_NEVER = 1 << 30
_SPARE_BITS = (0, 0x7F, 0x3F, 0x1F, 0x0F, 0x07, 0x03, 0x01)
_IMPLICIT_BOTTOM = (0x800000, 0x000000)  # what a withdrawal carries for labels (RFC 8277 2.4)


def _sizes(max_bits: int) -> tuple[int, ...]:
    """Octets of a prefix, its length octet included, by its length in bits."""
    return tuple(1 + (bits + 7 >> 3) if bits <= max_bits else _NEVER for bits in range(256))


_PREFIX_SIZES = {
    families.IPV4_UNICAST: _sizes(32),
    families.IPV4_MULTICAST: _sizes(32),
    families.IPV6_UNICAST: _sizes(128),
    families.IPV6_MULTICAST: _sizes(128),
}
_ANY_LENGTH = _sizes(255)


def split_nlri(family: int, buf: bytes, pos: int, end: int) -> list[bytes]:
    """The NLRI between `pos` and `end`, without path identifiers."""
    sizes = _PREFIX_SIZES.get(family)
    if sizes is None:
        return _split_by_extent(family, buf, pos, end)
    out: list[bytes] = []
    append = out.append
    while pos < end:
        bits = buf[pos]
        after = pos + sizes[bits]
        if after > end:
            raise _prefix_error(bits, sizes, pos)
        if bits & 7 and buf[after - 1] & _SPARE_BITS[bits & 7]:
            append(_without_spare_bits(buf[pos:after]))
        else:
            append(buf[pos:after])
        pos = after
    return out


def split_add_path_nlri(
    family: int, buf: bytes, pos: int, end: int
) -> tuple[list[bytes], list[int]]:
    """The NLRI between `pos` and `end` and the path identifier before each (RFC 7911 3)."""
    extent = EXTENTS.get(family, _opaque_extent)
    in_bits = family in _BIT_LENGTH_FAMILIES
    out: list[bytes] = []
    path_ids: list[int] = []
    while pos < end:
        if end - pos < 5:
            raise WireError("path identifier runs past the NLRI field", pos, (), "RFC 7911 3")
        path_ids.append(int.from_bytes(buf[pos : pos + 4], "big"))
        after = extent(buf, pos + 4, end)
        nlri = buf[pos + 4 : after]
        out.append(_without_spare_bits(nlri) if in_bits else nlri)
        pos = after
    return out, path_ids


def _split_by_extent(family: int, buf: bytes, pos: int, end: int) -> list[bytes]:
    extent = EXTENTS.get(family, _opaque_extent)
    in_bits = family in _BIT_LENGTH_FAMILIES
    out: list[bytes] = []
    while pos < end:
        after = extent(buf, pos, end)
        nlri = buf[pos:after]
        out.append(_without_spare_bits(nlri) if in_bits else nlri)
        pos = after
    return out


def _without_spare_bits(nlri: bytes) -> bytes:
    spare = _SPARE_BITS[nlri[0] & 7]
    if not nlri[-1] & spare or len(nlri) == 1:
        return nlri
    return nlri[:-1] + bytes((nlri[-1] & ~spare & 0xFF,))


def _prefix_error(bits: int, sizes: tuple[int, ...], pos: int) -> WireError:
    if sizes[bits] == _NEVER:
        longest = 32 if sizes[33] == _NEVER else 128
        reason = f"prefix length {bits} is above {longest}"
    else:
        reason = f"prefix of {bits} bits runs past the NLRI field"
    return WireError(reason, pos, (), "RFC 7606 5.3")


def _prefix_extent(family: int) -> Extent:
    sizes = _PREFIX_SIZES[family]

    def extent(buf: bytes, pos: int, end: int) -> int:
        after = pos + sizes[buf[pos]]
        if after > end:
            raise _prefix_error(buf[pos], sizes, pos)
        return after

    return extent


def _labeled_extent(rd_bits: int, max_bits: int) -> Extent:
    """Labels, a route distinguisher of `rd_bits`, a prefix (RFC 8277 2.2, RFC 4364 4.3.4)."""

    def extent(buf: bytes, pos: int, end: int) -> int:
        bits = buf[pos]
        after = pos + _ANY_LENGTH[bits]
        if after > end:
            raise WireError(
                f"labeled NLRI of {bits} bits runs past its field", pos, (), "RFC 7606 5.3"
            )
        left = bits - 24 * label_count(buf, pos + 1, bits, rd_bits) - rd_bits
        if left < 0:
            raise WireError(f"{bits} bits hold no label and prefix", pos, (), "RFC 8277 2.2")
        if left > max_bits:
            raise WireError(f"prefix length {left} is above {max_bits}", pos, (), "RFC 7606 5.3")
        return after

    return extent


def label_count(buf: bytes, pos: int, bits: int, rd_bits: int) -> int:
    """How many labels start at `pos`: up to the bottom of stack, one where it is not marked."""
    count = 1
    while 24 * count + rd_bits <= bits:
        label = int.from_bytes(buf[pos : pos + 3], "big")
        if label & 1 or label in _IMPLICIT_BOTTOM:
            return count
        count += 1
        pos += 3
    return 1


def _route_target_extent(buf: bytes, pos: int, end: int) -> int:
    bits = buf[pos]
    after = pos + _ANY_LENGTH[bits]
    if bits > 96 or after > end:  # RFC 4684 4
        raise WireError(f"route target of {bits} bits does not fit", pos, (), "RFC 4684 4")
    return after


def _bit_length_extent(buf: bytes, pos: int, end: int) -> int:
    return _checked(pos, pos + _ANY_LENGTH[buf[pos]], end)


def _typed_extent(buf: bytes, pos: int, end: int) -> int:
    """(type, length, value), one octet each for the first two (RFC 7432 7, RFC 6514 4)."""
    if end - pos < 2:
        raise WireError("NLRI header runs past the NLRI field", pos, (), "RFC 7606 5.4")
    if buf[pos] == 0:
        raise WireError("route type 0 is reserved", pos, (), "RFC 7606 5.4")
    return _checked(pos, pos + 2 + buf[pos + 1], end)


def _wide_typed_extent(buf: bytes, pos: int, end: int) -> int:
    """(type, length, value), two octets each for the first two (RFC 9552 5.2)."""
    if end - pos < 4:
        raise WireError("NLRI header runs past the NLRI field", pos, (), "RFC 9552 5.2")
    return _checked(pos, pos + 4 + (buf[pos + 2] << 8 | buf[pos + 3]), end)


def _wide_length_extent(buf: bytes, pos: int, end: int) -> int:
    """A length of two octets, then the value (RFC 4761 3.2.2)."""
    if end - pos < 2:
        raise WireError("NLRI header runs past the NLRI field", pos, (), "RFC 4761 3.2.2")
    return _checked(pos, pos + 2 + (buf[pos] << 8 | buf[pos + 1]), end)


def _flowspec_extent(buf: bytes, pos: int, end: int) -> int:
    """A length of one octet below 240, else of 12 bits in two octets (RFC 8955 4.1)."""
    if buf[pos] < 0xF0:
        return _checked(pos, pos + 1 + buf[pos], end)
    if end - pos < 2:
        raise WireError("NLRI header runs past the NLRI field", pos, (), "RFC 8955 4.1")
    return _checked(pos, pos + 2 + ((buf[pos] & 0x0F) << 8 | buf[pos + 1]), end)


def _opaque_extent(_buf: bytes, _pos: int, end: int) -> int:
    return end


def _checked(pos: int, after: int, end: int) -> int:
    if after > end:
        raise WireError("NLRI runs past the NLRI field", pos, (), "RFC 7606 5.4")
    return after


EXTENTS: dict[int, Extent] = {
    **{family: _prefix_extent(family) for family in _PREFIX_SIZES},
    families.IPV4_LABELED_UNICAST: _labeled_extent(0, 32),
    families.IPV6_LABELED_UNICAST: _labeled_extent(0, 128),
    families.VPNV4: _labeled_extent(64, 32),
    families.VPNV6: _labeled_extent(64, 128),
    families.IPV4_SR_POLICY: _bit_length_extent,
    families.IPV6_SR_POLICY: _bit_length_extent,
    families.ROUTE_TARGET: _route_target_extent,
    families.EVPN: _typed_extent,
    families.IPV4_MVPN: _typed_extent,
    families.IPV6_MVPN: _typed_extent,
    families.VPLS: _wide_length_extent,
    families.BGP_LS: _wide_typed_extent,
    families.BGP_LS_VPN: _wide_typed_extent,
    families.IPV4_FLOWSPEC: _flowspec_extent,
    families.IPV6_FLOWSPEC: _flowspec_extent,
    families.VPNV4_FLOWSPEC: _flowspec_extent,
    families.VPNV6_FLOWSPEC: _flowspec_extent,
}

_BIT_LENGTH_FAMILIES = frozenset(
    (
        *_PREFIX_SIZES,
        families.IPV4_LABELED_UNICAST,
        families.IPV6_LABELED_UNICAST,
        families.VPNV4,
        families.VPNV6,
        families.ROUTE_TARGET,
    )
)


def prefix_text(family: int, nlri: bytes) -> str:
    """`192.0.2.0/24` for the canonical octets of a prefix; hexadecimal for any other family."""
    if family not in _PREFIX_SIZES:
        return nlri.hex()
    if family >> 8 == 1:
        return f"{ipv4_text(nlri[1:].ljust(4, bytes(1)))}/{nlri[0]}"
    return f"{ipv6_text(nlri[1:].ljust(16, bytes(1)))}/{nlri[0]}"


def describe_nlri(family: int, nlri: bytes) -> dict[str, object]:
    """The parts of one canonical NLRI by name."""
    if family in _PREFIX_SIZES:
        return {"prefix": prefix_text(family, nlri)}
    if family == families.EVPN:
        return {"route_type": nlri[0], "nlri": nlri.hex()}
    return {"nlri": nlri.hex()}
