"""Writes packet captures: files, link layers, IP and TCP headers around octets."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any, NamedTuple

FIN, SYN, RST, ACK = 1, 2, 4, 16
ROUTER, STATION = "192.0.2.1", "192.0.2.254"
NULL, ETHERNET, RAW, LOOP, COOKED, COOKED_2 = 0, 1, 101, 108, 113, 276


class Tcp(NamedTuple):
    """One TCP segment from a router to a station."""

    sequence: int
    data: bytes = b""
    flags: int = ACK
    source: str = ROUTER
    target: str = STATION
    source_port: int = 40000
    target_port: int = 11019

    def octets(self) -> bytes:
        ports = struct.pack(">HH", self.source_port, self.target_port)
        rest = struct.pack(">IIBBHHH", self.sequence % 2**32, 1, 6 << 4, self.flags, 512, 0, 0)
        return ports + rest + b"\1\1\1\0" + self.data  # four octets of options

    def ip(self, *, fragment: int = 0, extensions: bytes = b"", first: int = 6) -> bytes:
        tcp = self.octets()
        source, target = ipaddress.ip_address(self.source), ipaddress.ip_address(self.target)
        if source.version == 4:
            length = 24 + len(tcp)  # four octets of options here too
            head = struct.pack(">BBHHHBBH", 0x46, 0, length, 1, fragment, 64, 6, 0)
            return head + source.packed + target.packed + b"\1\1\1\0" + tcp
        head = struct.pack(">IHBB", 6 << 28, len(extensions) + len(tcp), first, 64)
        return head + source.packed + target.packed + extensions + tcp


def ethertype(ip: bytes) -> bytes:
    return b"\x08\x00" if ip[0] >> 4 == 4 else b"\x86\xdd"


def ethernet(ip: bytes, tags: bytes = b"") -> bytes:
    frame = bytes(12) + tags + ethertype(ip) + ip
    return frame.ljust(60, b"\xee")  # the shortest frame is padded


def framed(link: int, ip: bytes) -> bytes:
    """The frame of a link type around an IP packet."""
    is_ipv4 = ip[0] >> 4 == 4
    return {
        ETHERNET: ethernet(ip),
        RAW: ip,
        NULL: struct.pack("<I", 2 if is_ipv4 else 30) + ip,
        LOOP: struct.pack(">I", 2 if is_ipv4 else 28) + ip,
        COOKED: bytes(14) + ethertype(ip) + ip,
        COOKED_2: ethertype(ip) + bytes(18) + ip,
    }[link]


def pcap(*frames: bytes, link: int = RAW, order: str = "<", snaplen: int = 65535) -> bytes:
    out = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link)
    for frame in frames:
        kept = frame[:snaplen]
        out += struct.pack(order + "IIII", 0, 0, len(kept), len(frame)) + kept
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = RAW, order: str = "<", snaplen: int = 0) -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snaplen), order)


def enhanced(frame: bytes, number: int = 0, order: str = "<") -> bytes:
    size = len(frame)
    return block(6, struct.pack(order + "IIIII", number, 0, 0, size, size) + frame, order)


def pcapng(*frames: bytes, link: int = RAW, order: str = "<") -> bytes:
    blocks = [enhanced(frame, order=order) for frame in frames]
    return section(order) + interface(link, order) + b"".join(blocks)


def conversation(data: bytes, size: int = 100, start: int = 2**32 - 150, **ends: Any) -> list[Tcp]:
    """A connection from its SYN to its FIN; the sequence numbers wrap on the way."""
    first = Tcp(start, flags=SYN)._replace(**ends)
    parts = [
        first._replace(sequence=start + 1 + at, data=data[at : at + size], flags=ACK)
        for at in range(0, len(data), size)
    ]
    return [first, *parts, first._replace(sequence=start + 1 + len(data), flags=FIN | ACK)]
