"""BGP OPEN (RFC 4271 4.2) with capabilities (RFC 5492) and long parameters (RFC 9072)."""

from collections.abc import Iterator
from typing import NamedTuple

from services.ingest.wire.errors import WireError
from services.ingest.wire.notification import Notification

HEADER_SIZE = 19
MARKER = b"\xff" * 16
OPEN = 1
UPDATE = 2
NOTIFICATION = 3
KEEPALIVE = 4
ROUTE_REFRESH = 5

CAPABILITY_MULTIPROTOCOL = 1
CAPABILITY_FOUR_OCTET_AS = 65
CAPABILITY_ADD_PATH = 69

ADD_PATH_RECEIVE = 1
ADD_PATH_SEND = 2

_PARAMETER_CAPABILITIES = 2
_EXTENDED_LENGTH = 255  # RFC 9072 2: both as the length and as the first parameter type


class Capability(NamedTuple):
    code: int
    value: bytes


class Open:
    """One OPEN message. `asn` is the 4-octet AS number where the speaker has that capability."""

    __slots__ = ("add_path", "asn", "bgp_id", "capabilities", "families", "hold_time", "version")

    def __init__(
        self,
        version: int,
        asn: int,
        hold_time: int,
        bgp_id: bytes,
        capabilities: tuple[Capability, ...],
    ) -> None:
        self.version = version
        self.hold_time = hold_time
        self.bgp_id = bgp_id
        self.capabilities = capabilities
        self.asn = asn
        self.add_path: dict[int, int] = {}
        """Family to RFC 7911's Send/Receive: 1 can receive, 2 can send, 3 both."""
        families: list[int] = []
        for code, value in capabilities:
            if code == CAPABILITY_FOUR_OCTET_AS and len(value) == 4:
                self.asn = int.from_bytes(value, "big")
            elif code == CAPABILITY_MULTIPROTOCOL and len(value) == 4:
                families.append(value[0] << 16 | value[1] << 8 | value[3])
            elif code == CAPABILITY_ADD_PATH:
                for i in range(0, len(value) - 3, 4):
                    family = value[i] << 16 | value[i + 1] << 8 | value[i + 2]
                    self.add_path[family] = value[i + 3]
        self.families = tuple(families)


def bgp_header(buf: bytes, pos: int, end: int) -> tuple[int, int]:
    """(type, end of the message) of the BGP message at `pos` (RFC 4271 4.1)."""
    if end - pos < HEADER_SIZE:
        raise WireError("BGP header runs past the BMP message", pos, (), "RFC 4271 4.1")
    if not buf.startswith(MARKER, pos):
        raise WireError("BGP marker is not all ones", pos, (), "RFC 4271 4.1")
    after = pos + (buf[pos + 16] << 8 | buf[pos + 17])
    if after - pos < HEADER_SIZE:
        raise WireError(
            f"BGP length {after - pos} is below {HEADER_SIZE}", pos + 16, (), "RFC 4271 6.1"
        )
    if after > end:
        raise WireError(
            f"BGP length {after - pos} runs past the BMP message", pos + 16, (), "RFC 4271 6.1"
        )
    return buf[pos + 18], after


def decode_open(buf: bytes, pos: int, end: int) -> Open:
    """The OPEN whose body, after the BGP header, lies between `pos` and `end`."""
    if end - pos < 10:
        raise WireError("OPEN is shorter than 29 octets", pos, (), "RFC 4271 4.2")
    start, stop, wide = pos + 10, pos + 10 + buf[pos + 9], False
    if buf[pos + 9] and end - pos >= 13 and buf[pos + 10] == _EXTENDED_LENGTH:
        start, wide = pos + 13, True
        stop = start + (buf[pos + 11] << 8 | buf[pos + 12])
    if stop > end:
        raise WireError("optional parameters run past the OPEN", pos + 9, (), "RFC 4271 6.2")
    capabilities: list[Capability] = []
    for kind, value, value_end in _tlvs(buf, start, stop, 2 if wide else 1):
        if kind == _PARAMETER_CAPABILITIES:
            for code, first, last in _tlvs(buf, value, value_end, 1):
                capabilities.append(Capability(code, buf[first:last]))
    return Open(
        buf[pos],
        buf[pos + 1] << 8 | buf[pos + 2],
        buf[pos + 3] << 8 | buf[pos + 4],
        buf[pos + 5 : pos + 9],
        tuple(capabilities),
    )


def read_notification(buf: bytes, pos: int, end: int) -> Notification:
    """The NOTIFICATION whose body lies between `pos` and `end` (RFC 4271 4.5)."""
    if end - pos < 2:
        raise WireError("NOTIFICATION is shorter than 21 octets", pos, (), "RFC 4271 4.5")
    return Notification(buf[pos], buf[pos + 1], buf[pos + 2 : end])


def _tlvs(buf: bytes, pos: int, end: int, length_size: int) -> Iterator[tuple[int, int, int]]:
    """(type, start of the value, its end) of each element with a one-octet type."""
    while pos < end:
        value = pos + 1 + length_size
        if value > end:
            raise WireError("parameter header runs past its field", pos, (), "RFC 5492 4")
        after = value + int.from_bytes(buf[pos + 1 : value], "big")
        if after > end:
            raise WireError("parameter runs past its field", pos, (), "RFC 5492 4")
        yield buf[pos], value, after
        pos = after
