"""Writes NLRI of every family, from the values that their descriptions show."""

from __future__ import annotations

import ipaddress
import struct

from tests.ingest.wire import octets as o

WITHDRAWN = bytes.fromhex("800000")
NO_ESI = bytes(10)


def rd(text: str) -> bytes:
    """`65000:1` (type 0), `192.0.2.1:1` (type 1) or `4200000000:1` (type 2)."""
    administrator, number = text.rsplit(":", 1)
    if "." in administrator:
        return struct.pack(">H4sH", 1, ip(administrator), int(number))
    if int(administrator) < 65536:
        return struct.pack(">HHI", 0, int(administrator), int(number))
    return struct.pack(">HIH", 2, int(administrator), int(number))


def ip(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def labels(*values: int) -> bytes:
    """A label stack: the last one has the bottom bit."""
    stack = b"".join((value << 4).to_bytes(3, "big") for value in values)
    return stack[:-1] + bytes((stack[-1] | 1,))


def vni(value: int) -> bytes:
    return value.to_bytes(3, "big")


def labeled(prefix: str, stack: bytes, distinguisher: bytes = b"") -> bytes:
    encoded = o.prefix(prefix)
    bits = encoded[0] + 8 * len(stack + distinguisher)
    return bytes((bits,)) + stack + distinguisher + encoded[1:]


def vpn(distinguisher: str, prefix: str, stack: bytes) -> bytes:
    return labeled(prefix, stack, rd(distinguisher))


# ---- EVPN


def evpn(kind: int, value: bytes) -> bytes:
    return bytes((kind, len(value))) + value


def sized(text: str) -> bytes:
    """An address after its length in bits; `*` and nothing are of length 0."""
    if text in ("", "*"):
        return b"\0"
    packed = ip(text)
    return bytes((8 * len(packed),)) + packed


def tag(number: int) -> bytes:
    return struct.pack(">I", number)


def auto_discovery(distinguisher: str, esi: bytes, number: int, stack: bytes) -> bytes:
    return evpn(1, rd(distinguisher) + esi + tag(number) + stack)


def mac_ip(
    distinguisher: str, address: str, host: str, stack: bytes, esi: bytes = NO_ESI, number: int = 0
) -> bytes:
    head = rd(distinguisher) + esi + tag(number)
    return evpn(2, head + b"\x30" + mac(address) + sized(host) + stack)


def inclusive_multicast(distinguisher: str, number: int, originator: str) -> bytes:
    return evpn(3, rd(distinguisher) + tag(number) + sized(originator))


def segment(distinguisher: str, esi: bytes, originator: str) -> bytes:
    return evpn(4, rd(distinguisher) + esi + sized(originator))


def ip_prefix(
    distinguisher: str,
    prefix: str,
    gateway: str,
    stack: bytes,
    esi: bytes = NO_ESI,
    number: int = 0,
) -> bytes:
    network = ipaddress.ip_network(prefix)
    where = bytes((network.prefixlen,)) + network.network_address.packed
    return evpn(5, rd(distinguisher) + esi + tag(number) + where + ip(gateway) + stack)


def multicast(
    kind: int, distinguisher: str, source: str, group: str, rest: bytes, esi: bytes = b""
) -> bytes:
    """Types 6, 7 and 8; `rest` follows the originator, 192.0.2.1."""
    head = rd(distinguisher) + esi + tag(7)
    return evpn(kind, head + sized(source) + sized(group) + sized("192.0.2.1") + rest)


# ---- FlowSpec


def flowspec(*components: bytes, distinguisher: bytes = b"") -> bytes:
    value = distinguisher + b"".join(components)
    if len(value) < 240:
        return bytes((len(value),)) + value
    return struct.pack(">H", 0xF000 | len(value)) + value


def operators(kind: int, *pairs: tuple[int, int]) -> bytes:
    """A component: operators without length and end bits, each with its value."""
    out = bytes((kind,))
    for place, (operator, value) in enumerate(pairs):
        size = max(0, (max(1, (value.bit_length() + 7) // 8) - 1).bit_length())
        end = 0x80 if place == len(pairs) - 1 else 0
        out += bytes((operator | size << 4 | end,)) + value.to_bytes(1 << size, "big")
    return out


def flow_prefix(kind: int, prefix: str, offset: int = 0) -> bytes:
    network = ipaddress.ip_network(prefix)
    if network.version == 4:
        return bytes((kind,)) + o.prefix(prefix)
    bits = network.prefixlen - offset
    size = (bits + 7) // 8
    pattern = int.from_bytes(network.network_address.packed, "big") << offset & (1 << 128) - 1
    octets = pattern.to_bytes(16, "big")[:size]
    return bytes((kind, network.prefixlen, offset)) + octets


# ---- others


def route_target(bits: int, origin: int, target: bytes) -> bytes:
    value = struct.pack(">I", origin) + target
    return bytes((bits,)) + value[: (bits + 7) // 8]


def sr_policy(distinguisher: int, color: int, endpoint: str) -> bytes:
    value = struct.pack(">II", distinguisher, color) + ip(endpoint)
    return bytes((8 * len(value),)) + value


def vpls(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def bgp_ls(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value
