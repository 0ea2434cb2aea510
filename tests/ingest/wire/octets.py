"""Writes the octets that the decoder reads: BMP messages, BGP messages, attributes, NLRI."""

from __future__ import annotations

import ipaddress
import struct

MARKER = b"\xff" * 16

ROUTE_MONITORING, STATISTICS, PEER_DOWN, PEER_UP, INITIATION, TERMINATION, MIRRORING = range(7)

PEER = "192.0.2.1"
LOC_RIB_PEER = 3
BGP_ID = bytes((10, 0, 0, 1))


def bmp(kind: int, body: bytes, *, version: int = 3) -> bytes:
    return struct.pack(">BIB", version, 6 + len(body), kind) + body


def peer(
    *,
    kind: int = 0,
    flags: int = 0,
    distinguisher: bytes = bytes(8),
    address: str = PEER,
    asn: int = 65001,
    seconds: int = 0,
    micros: int = 0,
) -> bytes:
    packed = b"" if kind == LOC_RIB_PEER else ipaddress.ip_address(address).packed
    head = struct.pack(">BB8s16s", kind, flags, distinguisher, packed.rjust(16, b"\0"))
    return head + struct.pack(">I4sII", asn, BGP_ID, seconds, micros)


def bgp(kind: int, body: bytes) -> bytes:
    return MARKER + struct.pack(">HB", 19 + len(body), kind) + body


def capability(code: int, value: bytes = b"") -> bytes:
    return bytes((code, len(value))) + value


def multiprotocol(family: int) -> bytes:
    return capability(1, struct.pack(">HBB", family >> 8, 0, family & 0xFF))


def add_path(modes: dict[int, int]) -> bytes:
    parts = [struct.pack(">HBB", f >> 8, f & 0xFF, mode) for f, mode in modes.items()]
    return capability(69, b"".join(parts))


def open_message(*capabilities: bytes, asn: int = 65001) -> bytes:
    short = asn if asn < 65536 else 23456
    every = b"".join((capability(65, struct.pack(">I", asn)), *capabilities))
    parameters = bytes((2, len(every))) + every
    head = struct.pack(">BHH4sB", 4, short, 90, BGP_ID, len(parameters))
    return bgp(1, head + parameters)


def peer_up(
    sent: bytes | None = None,
    received: bytes | None = None,
    tlvs: bytes = b"",
    header: bytes | None = None,
) -> bytes:
    local = ipaddress.ip_address("192.0.2.254").packed.rjust(16, b"\0")
    opens = (sent or open_message(asn=65000)) + (received or open_message())
    ports = struct.pack(">HH", 179, 40000)
    return bmp(PEER_UP, (header or peer()) + local + ports + opens + tlvs)


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value


def attribute(kind: int, value: bytes, flags: int = 0x40) -> bytes:
    if len(value) > 255:
        return struct.pack(">BBH", flags | 0x10, kind, len(value)) + value
    return bytes((flags, kind, len(value))) + value


def as_path(*segments: tuple[int, tuple[int, ...]], octets: int = 4) -> bytes:
    letter = "I" if octets == 4 else "H"
    return b"".join(
        struct.pack(f">BB{len(numbers)}{letter}", kind, len(numbers), *numbers)
        for kind, numbers in segments
    )


ORIGIN = attribute(1, b"\0")
AS_PATH = attribute(2, as_path((2, (65001, 174))))
NEXT_HOP = attribute(3, bytes((192, 0, 2, 9)))
MANDATORY = ORIGIN + AS_PATH + NEXT_HOP


def prefix(text: str) -> bytes:
    network = ipaddress.ip_network(text)
    return (
        bytes((network.prefixlen,)) + network.network_address.packed[: (network.prefixlen + 7) // 8]
    )


def prefixes(*texts: str) -> bytes:
    return b"".join(map(prefix, texts))


def path_id(number: int, nlri: bytes) -> bytes:
    return struct.pack(">I", number) + nlri


def mp_reach(family: int, next_hop: bytes, nlri: bytes) -> bytes:
    head = struct.pack(">HBB", family >> 8, family & 0xFF, len(next_hop))
    return attribute(14, head + next_hop + b"\0" + nlri, 0x80)


def mp_unreach(family: int, nlri: bytes) -> bytes:
    return attribute(15, struct.pack(">HB", family >> 8, family & 0xFF) + nlri, 0x80)


def update(attributes: bytes = b"", nlri: bytes = b"", withdrawn: bytes = b"") -> bytes:
    lengths = struct.pack(">H", len(withdrawn)) + withdrawn + struct.pack(">H", len(attributes))
    return bgp(2, lengths + attributes + nlri)


def route_monitoring(message: bytes, header: bytes | None = None, trailing: bytes = b"") -> bytes:
    return bmp(ROUTE_MONITORING, (header or peer()) + message + trailing)


def announcement(attributes: bytes = MANDATORY, *texts: str) -> bytes:
    return route_monitoring(update(attributes, prefixes(*(texts or ("198.51.100.0/24",)))))
