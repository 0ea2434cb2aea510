"""Packets out of a pcap or pcapng file; nothing here knows what is in a packet.

pcap: a file header of 24 octets, then for each packet a header of 16 and the packet.
pcapng (draft-ietf-opsawg-pcapng): blocks of (type, length, body, length), padded to 32 bits.
Both are written in the byte order of the machine that captured.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC_SIZE = 4

_PCAP_MAGIC = {  # byte order, size of a packet header
    b"\xa1\xb2\xc3\xd4": (">", 16),
    b"\xd4\xc3\xb2\xa1": ("<", 16),
    b"\xa1\xb2\x3c\x4d": (">", 16),  # stamps in nanoseconds
    b"\x4d\x3c\xb2\xa1": ("<", 16),
    b"\xa1\xb2\xcd\x34": (">", 24),  # Kuznetzov's, with an interface in each packet header
    b"\x34\xcd\xb2\xa1": ("<", 24),
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 1, 2, 3, 6

_LONGEST = 1 << 24
"""Octets of one packet or block; libpcap itself cuts packets at 262,144."""


class Packet(NamedTuple):
    """What was captured of one packet, its link type, and its length on the wire."""

    link: int
    data: bytes
    length: int


class CutShortError(Exception):
    """The file ends inside a packet, as that of a capture does that was killed."""


def is_packet_capture(head: bytes) -> bool:
    """Whether a file that starts with these 4 octets is pcap or pcapng."""
    return head in _PCAP_MAGIC or head == _SECTION


def packets(chunks: Iterable[bytes]) -> Iterator[Packet]:
    """Raises UserError where the file is damaged, CutShortError where it ends too early."""
    source = _Octets(iter(chunks))
    magic = source.take(MAGIC_SIZE)
    if magic == _SECTION:
        return _pcapng(source)
    return _pcap(source, *_PCAP_MAGIC[magic])


class _Octets:
    """A stream of chunks, taken in the sizes that are wanted."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._start = 0
        self.position = 0

    def at_end(self) -> bool:
        return not self._holds(1)

    def take(self, size: int) -> bytes:
        if not self._holds(size):
            raise CutShortError
        start = self._start
        self._start += size
        self.position += size
        return self._buffer[start : start + size]

    def _holds(self, size: int) -> bool:
        while len(self._buffer) - self._start < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._buffer = self._buffer[self._start :] + chunk
            self._start = 0
        return True

    def checked(self, size: int, at_least: int = 0) -> int:
        """A length that the file states; UserError where none can be that."""
        if not at_least <= size <= _LONGEST:
            raise UserError(f"the packet capture is damaged: length {size} at byte {self.position}")
        return size


def _pcap(source: _Octets, order: str, header_size: int) -> Iterator[Packet]:
    (link,) = Struct(order + "16xI").unpack(source.take(20))
    lengths = Struct(f"{order}8xII{header_size - 16}x")
    while not source.at_end():
        captured, length = lengths.unpack(source.take(header_size))
        data = source.take(source.checked(captured))
        yield Packet(link & 0xFFFF, data, length)  # above it: whether frames end in a checksum


def _pcapng(source: _Octets) -> Iterator[Packet]:
    order = _section(source)
    interfaces: list[tuple[int, int]] = []
    while not source.at_end():
        head = source.take(4)
        if head == _SECTION:
            order, interfaces = _section(source), []
            continue
        (kind,) = Struct(order + "I").unpack(head)
        (size,) = Struct(order + "I").unpack(source.take(4))
        body = source.take(source.checked(size, 12) - 8)[:-4]
        if kind == _INTERFACE:
            link, limit = _unpacked(source, order + "H2xI", body)
            interfaces.append((link, limit))
        else:
            packet = _packet(source, kind, order, body, interfaces)
            if packet is not None:
                yield packet


def _section(source: _Octets) -> str:
    """The byte order of the section whose header follows; the rest of the header is passed by."""
    raw_size = source.take(4)
    order = _BYTE_ORDERS.get(source.take(4))
    if order is None:
        raise UserError(f"the packet capture is damaged: no byte order at byte {source.position}")
    (size,) = Struct(order + "I").unpack(raw_size)
    source.take(source.checked(size, 28) - 12)
    return order


def _packet(
    source: _Octets, kind: int, order: str, body: bytes, interfaces: list[tuple[int, int]]
) -> Packet | None:
    """The packet of a block, None where the block is of another kind."""
    if kind == _ENHANCED_PACKET:
        interface, captured, length = _unpacked(source, order + "I8xII", body)
        start = 20
    elif kind == _OLD_PACKET:
        interface, captured, length = _unpacked(source, order + "H10xII", body)
        start = 20
    elif kind == _SIMPLE_PACKET:
        interface, start = 0, 4
        (length,) = _unpacked(source, order + "I", body)
        limit = interfaces[0][1] if interfaces else 0
        captured = min(length, limit or length, len(body) - start)
    else:
        return None
    if interface >= len(interfaces) or captured > len(body) - start:
        raise UserError(f"the packet capture is damaged: packet before byte {source.position}")
    return Packet(interfaces[interface][0], body[start : start + captured], length)


def _unpacked(source: _Octets, layout: str, body: bytes) -> tuple[int, ...]:
    fields = Struct(layout)
    if len(body) < fields.size:
        raise UserError(f"the packet capture is damaged: block before byte {source.position}")
    return fields.unpack_from(body)
