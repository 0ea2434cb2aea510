"""A small network that has a little of everything that the store can hold, as its routers tell it.

`edge2` stays connected: transit (pre- and post-policy, ADD-PATH), a peer over IPv6, its own
Loc-RIB, two leaves of an overlay (EVPN, VPN, FlowSpec) between which a MAC has moved, a customer
that went down. `edge3` told a few routes and left, so that they are stale.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import itertools
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.ingest import speaker, speaker_mp
from tests.ingest.speaker import Peer, attribute
from tests.ingest.speaker_mp import EVPN, FLOWSPEC, RD, VPNV4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest

MOVED_MAC = "02:00:00:00:00:01"
SEGMENT = bytes.fromhex("00112233445566778899")


@dataclass(frozen=True)
class _LocRib(Peer):
    """Peer type 3 (RFC 9069 4.1)."""

    def header(self) -> bytes:
        return b"\3\0" + bytes(24) + super().header()[26:]


TRANSIT = Peer("192.0.2.101", 64501)
TRANSIT_POST = Peer("192.0.2.101", 64501, flags=speaker.POST_POLICY)
OVER_IPV6 = Peer("2001:db8::7", 64777)
LEAF_1, LEAF_2 = Peer("192.0.2.111", 65000), Peer("192.0.2.112", 65000)
CUSTOMER = Peer("192.0.2.102", 4_200_000_001)
OWN = _LocRib("0.0.0.0", 64500)  # noqa: S104 - the address of a Loc-RIB, nothing listens there
FLAPPING = Peer("192.0.2.1", 64501)
FLAPPING_PREFIX = "192.0.2.0/24"
FAR = Peer("198.51.100.1", 64999)


@contextlib.asynccontextmanager
async def told_to(ingest: Ingest) -> AsyncIterator[None]:
    """The world is committed, and `edge2` connected, within this context."""
    before = int(await ingest.value(_COMMITTED))
    far = [
        speaker.initiation("edge3", "left"),
        speaker.peer_up(FAR),
        speaker.announce(FAR, "203.0.113.0/24", "10.0.0.0/8", path=(64999, 64502)),
    ]
    async with _router(ingest, "127.0.0.3", b"".join(far)):
        await ingest.until(_COMMITTED, before + _FAR_ROUTES)
    await ingest.until("SELECT state FROM rib.peer WHERE address = '198.51.100.1'", "lost")
    near = speaker.initiation("edge2", "a router with everything")
    async with _router(ingest, "127.0.0.2", near + _unicast() + _overlay() + _customer()):
        await ingest.until(_COMMITTED, before + _FAR_ROUTES + _ROUTES)
        yield


@contextlib.asynccontextmanager
async def never_quiet(ingest: Ingest) -> AsyncIterator[None]:
    """A router `edge4` whose peer changes its mind a few times a second."""

    async def flap(writer: asyncio.StreamWriter) -> None:
        for med in itertools.count():
            writer.write(speaker.announce(FLAPPING, FLAPPING_PREFIX, med=med % 1000))
            if med % 4 == 3:
                writer.write(speaker.withdraw(FLAPPING, FLAPPING_PREFIX))
            await writer.drain()
            await asyncio.sleep(0.2)

    hello = speaker.initiation("edge4") + speaker.peer_up(FLAPPING)
    async with _router(ingest, "127.0.0.4", hello) as writer:
        flapping = asyncio.create_task(flap(writer))
        try:
            yield
        finally:
            flapping.cancel()
            await asyncio.gather(flapping, return_exceptions=True)


@contextlib.asynccontextmanager
async def _router(ingest: Ingest, address: str, data: bytes) -> AsyncIterator[asyncio.StreamWriter]:
    """A router at an address of its own, which makes it another one, that says this."""
    _, writer = await asyncio.open_connection("127.0.0.1", ingest.port, local_addr=(address, 0))
    try:
        writer.write(data)
        yield writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


_COMMITTED = "SELECT coalesce(sum(routes), 0) FROM rib.progress WHERE stage = 'current'"
_FAR_ROUTES = 2
_ROUTES = 30


def _unicast() -> bytes:
    return b"".join(
        [
            speaker.peer_up(TRANSIT, add_path=True),
            speaker.peer_up(OVER_IPV6),
            speaker.peer_up(OWN, table_name="global"),
            speaker.announce(TRANSIT, "0.0.0.0/0", "203.0.113.0/24", path_id=1, med=0),
            speaker.announce(TRANSIT, "203.0.113.0/24", path_id=2, path=(64501, 64503, 64502)),
            rich(TRANSIT, "203.0.113.128/25", path_id=1),
            speaker.announce(TRANSIT, "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", path_id=1),
            speaker.announce(TRANSIT, "10.9.0.0/16", path_id=1),
            speaker.withdraw(TRANSIT, "10.9.0.0/16", path_id=1),
            speaker.end_of_rib(TRANSIT),
            rich(TRANSIT_POST, "203.0.113.0/24", path_id=1),
            speaker.announce(TRANSIT_POST, "10.0.0.0/8", path_id=1),
            speaker.announce6(OVER_IPV6, "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64"),
            speaker.announce(OWN, "203.0.113.0/24", "10.0.0.0/8", path=(64501, 64502)),
            report(TRANSIT, prefixes_rejected=3, routes_in=7),
        ]
    )


def _overlay() -> bytes:
    return b"".join(
        [
            speaker.peer_up(LEAF_1),
            speaker.peer_up(LEAF_2),
            speaker_mp.announce(LEAF_1, EVPN, speaker_mp.mac_route(MOVED_MAC)),
            speaker_mp.announce(LEAF_2, EVPN, speaker_mp.mac_route(MOVED_MAC, esi=SEGMENT)),
            speaker_mp.withdraw(LEAF_1, EVPN, speaker_mp.mac_route(MOVED_MAC)),
            speaker_mp.announce(LEAF_1, EVPN, *_other_evpn()),
            speaker_mp.announce(LEAF_1, VPNV4, speaker_mp.vpn_route("10.20.0.0/16")),
            speaker_mp.announce(LEAF_2, FLOWSPEC, speaker_mp.flowspec_route(80)),
            speaker_mp.announce(LEAF_1, EVPN, speaker_mp.mac_route("02:00:00:00:00:02")),
        ]
    )


def _customer() -> bytes:
    return b"".join(
        [
            speaker.peer_up(CUSTOMER, 40001),
            speaker.announce(CUSTOMER, "203.0.113.0/24", path=(4_200_000_001, 4_200_000_002)),
            speaker.announce(CUSTOMER, "198.51.100.0/24", "198.51.100.128/25", med=4_294_967_295),
            speaker.peer_down(CUSTOMER),
            speaker.peer_up(CUSTOMER, 40002),
            speaker.announce(CUSTOMER, "198.51.100.0/24"),
            speaker.peer_down(CUSTOMER),
        ]
    )


def _other_evpn() -> list[bytes]:
    """Routes of types 1, 3, 4 and 5 (RFC 7432 7.1, 7.3, 7.4; RFC 9136 3.1)."""
    address = ipaddress.ip_address("192.0.2.111").packed
    prefix = ipaddress.ip_address("10.30.0.0").packed
    values = {
        1: RD + SEGMENT + bytes(4) + b"\0\6\x41",
        3: RD + bytes(4) + b"\x20" + address,
        4: RD + SEGMENT + b"\x20" + address,
        5: RD + bytes(10) + bytes(4) + b"\x10" + prefix + bytes(4) + b"\0\6\x41",
    }
    return [bytes([kind, len(value)]) + value for kind, value in values.items()]


def rich(peer: Peer, prefix: str, *, path_id: int | None = None) -> bytes:
    """A route with every attribute that an answer shows."""
    as_set = struct.pack(">BBII", 1, 2, 64510, 64511)
    originator = ipaddress.ip_address("192.0.2.66").packed
    attributes = b"".join(
        [
            attribute(1, b"\2"),
            attribute(2, speaker.as_path(64501, 64501, 64502) + as_set),
            attribute(3, ipaddress.ip_address("192.0.2.101").packed),
            attribute(4, bytes([0, 0, 0, 50]), 0x80),
            attribute(5, bytes([0, 0, 0, 200])),
            attribute(6, b""),
            attribute(7, struct.pack(">I", 64502) + originator, 0xC0),
            attribute(8, struct.pack(">HHI", 64501, 100, 0xFFFFFF01), 0xC0),
            attribute(9, originator, 0x80),
            attribute(10, originator * 2, 0x80),
            attribute(16, struct.pack(">BBHI", 0, 2, 64501, 100), 0xC0),
            attribute(32, struct.pack(">III", 4_200_000_001, 1, 2), 0xC0),
            attribute(35, struct.pack(">I", 64501), 0xC0),
        ]
    )
    body = struct.pack(">HH", 0, len(attributes)) + attributes
    body += speaker.nlri(prefix, path_id=path_id)
    return speaker.message(0, peer.header() + speaker.bgp(2, body))


def report(peer: Peer, *, prefixes_rejected: int, routes_in: int) -> bytes:
    """A Statistics Report (RFC 7854 4.8)."""
    stats = speaker.tlv(0, struct.pack(">I", prefixes_rejected))
    stats += speaker.tlv(7, struct.pack(">Q", routes_in))
    return speaker.message(1, peer.header() + struct.pack(">I", 2) + stats)
