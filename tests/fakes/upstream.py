"""A router upstream of both sites, which tells a station over BMP what it has from them.

It is no BGP speaker: what the fake GCP's Cloud Routers announce is what it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from tests.ingest import speaker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.gcp_state import Change

ASN, OWN_ASN = 64514, 64500
_AGAIN_SECONDS = 0.5
_STATISTICS_SECONDS = 10.0


class Upstream:
    """Implements a `Hook` of the fake GCP; `run` keeps a BMP session with the station."""

    def __init__(self, station: tuple[str, int], source: str, peers: Mapping[str, str]) -> None:
        """`peers` has the address of each region's Cloud Router; `source` is our own address."""
        self._station = station
        self._source = source
        self._addresses = peers
        self._announced: dict[str, set[str]] = {region: set() for region in peers}
        self._news: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(self, change: Change) -> None:
        """A Cloud Router announces something, or takes it back."""
        announced = self._announced[change.region]
        if change.announced:
            announced.add(change.prefix)
        else:
            announced.discard(change.prefix)
        self._news.put_nowait(self._told(change.region, change.prefix, announced=change.announced))

    async def run(self) -> None:
        """For ever: a session that ends is begun anew, with all that there is."""
        while True:
            with contextlib.suppress(OSError):
                await self._session()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(*self._station, local_addr=(self._source, 0))
        try:
            self._news = asyncio.Queue()
            writer.write(self._everything())
            while not reader.at_eof():
                await writer.drain()
                writer.write(await self._next())
        finally:
            writer.close()

    async def _next(self) -> bytes:
        try:
            return await asyncio.wait_for(self._news.get(), _STATISTICS_SECONDS)
        except TimeoutError:
            # So that it is seen when the station is gone, also where nothing changes.
            return b"".join(_statistics(self._peer(region)) for region in self._announced)

    def _everything(self) -> bytes:
        messages = [speaker.initiation("upstream.example.net", "a fake router")]
        for region, prefixes in self._announced.items():
            messages.append(speaker.peer_up(self._peer(region), own_asn=OWN_ASN))
            messages += [self._told(region, prefix, announced=True) for prefix in sorted(prefixes)]
            messages.append(speaker.end_of_rib(self._peer(region)))
        return b"".join(messages)

    def _told(self, region: str, prefix: str, *, announced: bool) -> bytes:
        peer = self._peer(region)
        if not announced:
            return speaker.withdraw(peer, prefix)
        return speaker.announce(peer, prefix, path=(ASN,))

    def _peer(self, region: str) -> speaker.Peer:
        return speaker.Peer(self._addresses[region], ASN, seconds=int(time.time()))


def _statistics(peer: speaker.Peer) -> bytes:
    """RFC 7854 4.8, without any counter."""
    return speaker.message(1, peer.header() + bytes(4))
