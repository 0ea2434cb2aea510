"""Streams of the shape of real tables, for machines where no capture is at hand.

A full table is sent in UPDATEs of a few prefixes each, nearly every one with path attributes that
no other has. The sizes are those of the captures that the figures are compared with.
"""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Shape(NamedTuple):
    """What a router sends when it connects."""

    name: str
    peers: int
    ipv4: int
    ipv6: int
    per_update: float


SHAPES = (
    Shape("generated-one-peer-ipv4.bmp", peers=1, ipv4=707_576, ipv6=0, per_update=5.1),
    Shape("generated-two-peers.bmp", peers=2, ipv4=900_938, ipv6=159_818, per_update=7.2),
)

_IPV4_LENGTHS = (24, 24, 24, 24, 24, 24, 23, 22, 22, 20)
_IPV6_LENGTHS = (48, 48, 48, 48, 32, 32, 40, 44, 36, 29)
_PER_PEER_HEADER = ">BB8x12xIIIII"


def write(shape: Shape, directory: Path) -> Path:
    """The same octets every time."""
    pick = random.Random(shape.name)  # noqa: S311 - a stream to measure, no secret
    path = directory / shape.name
    with path.open("wb") as file:
        file.write(_bmp(4, struct.pack(">HH5s", 2, 5, b"bench")))
        for peer in range(shape.peers):
            header = struct.pack(_PER_PEER_HEADER, 0, 0, 0x0A000001 + peer, 65001, 1, 0, 0)
            file.write(_bmp(3, header + bytes(16) + struct.pack(">HH", 179, 50000) + 2 * _OPEN))
            file.writelines(_table(shape, header, pick))
    return path


def _table(shape: Shape, header: bytes, pick: random.Random) -> Iterator[bytes]:
    for count, is_ipv6 in ((shape.ipv4, False), (shape.ipv6, True)):
        at = 0
        while at < count:
            size = min(count - at, 1 + int(pick.expovariate(1 / (shape.per_update - 0.5))))
            nlri = b"".join([_prefix(number, is_ipv6) for number in range(at, at + size)])
            yield _bmp(0, header + _bgp(2, _update(_attributes(pick), nlri, is_ipv6)))
            at += size


def _prefix(number: int, is_ipv6: bool) -> bytes:
    bits = (_IPV6_LENGTHS if is_ipv6 else _IPV4_LENGTHS)[number % 10]
    octets = (
        struct.pack(">Q", 0x2001 << 48 | number << 16)
        if is_ipv6
        else struct.pack(">I", 0x01000000 + (number << 8))
    )
    kept = (bits + 7) // 8
    value = int.from_bytes(octets[:kept], "big") >> (-bits % 8) << (-bits % 8)
    return bytes((bits,)) + value.to_bytes(kept, "big")


def _attributes(pick: random.Random) -> bytes:
    path = [65001, *(pick.randrange(1, 400_000) for _ in range(pick.randrange(2, 6)))]
    out = b"\x40\x01\x01\x00\x40\x02" + bytes((2 + 4 * len(path), 2, len(path)))
    out += struct.pack(f">{len(path)}I", *path)
    communities = pick.randrange(0, 12)
    if communities:
        values = [pick.getrandbits(32) for _ in range(communities)]
        out += b"\xc0\x08" + bytes((4 * communities,)) + struct.pack(f">{communities}I", *values)
    return out


def _update(attributes: bytes, nlri: bytes, is_ipv6: bool) -> bytes:
    if is_ipv6:
        value = b"\0\2\1\x10" + bytes(15) + b"\1\0" + nlri
        attributes += b"\x90\x0e" + struct.pack(">H", len(value)) + value
        nlri = b""
    else:
        attributes += b"\x40\x03\x04\x0a\x00\x00\x01"
    return b"\0\0" + struct.pack(">H", len(attributes)) + attributes + nlri


def _bgp(kind: int, body: bytes) -> bytes:
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def _bmp(kind: int, body: bytes) -> bytes:
    return struct.pack(">BIB", 3, 6 + len(body), kind) + body


_OPEN = _bgp(1, struct.pack(">BHHIB", 4, 65001, 90, 0x0A000001, 8) + b"\2\6\x41\4\0\0\xfd\xe9")
