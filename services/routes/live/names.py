"""Who is who: peers, their routers and their RIBs, as the store knows them by number."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.routes.store import tail
from shared.contracts.vocabulary import RIB_VIEWS, family_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncpg import Record

    from services.routes.store.tail import Conn

_OLD_SECONDS = 2.0
"""How long a router may bear another name than it has said."""
_NO_DISTINGUISHER = frozenset({"", "0", "0:0"})


@dataclass(frozen=True, slots=True)
class Peer:
    """A BGP peer of a router."""

    peer_id: int
    address: str
    asn: str
    """A text, as RIS Live has it."""
    host: str
    """The router's name; its address where it has none."""
    router: str
    hosts: tuple[str, ...]
    """What a subscription may call the router, in lower case."""
    distinguisher: str | None


@dataclass(frozen=True, slots=True)
class Rib:
    """One RIB of a peer."""

    peer: Peer
    family: int
    family_name: str
    view: str
    has_path_ids: bool


class Names:
    """What is asked for by number is known, or loaded with all that there is."""

    def __init__(self) -> None:
        self.peers: dict[int, Peer] = {}
        self.ribs: dict[int, Rib] = {}
        self._clock = asyncio.get_running_loop().time
        self._loaded = 0.0

    async def learn(self, conn: Conn, peers: Iterable[int], ribs: Iterable[int]) -> None:
        """Makes sure that these are known, and not long since."""
        is_old = self._clock() - self._loaded > _OLD_SECONDS
        if is_old or not (self.peers.keys() >= set(peers) and self.ribs.keys() >= set(ribs)):
            await self.load(conn)

    async def load(self, conn: Conn) -> None:
        """Learns all anew: names and AS numbers change."""
        self._loaded = self._clock()
        self.peers = {row["peer_id"]: _peer(row) for row in await tail.peers(conn)}
        self.ribs = {
            row["rib_id"]: Rib(
                peer=self.peers[row["peer_id"]],
                family=row["family"],
                family_name=family_name(row["family"]),
                view=RIB_VIEWS[row["view"]],
                has_path_ids=row["has_path_ids"],
            )
            for row in await tail.ribs(conn)
        }


def _peer(row: Record) -> Peer:
    host = row["sys_name"] or row["router"]
    distinguisher = row["distinguisher"]
    return Peer(
        peer_id=row["peer_id"],
        address=row["address"],
        asn=str(row["asn"]),
        host=host,
        router=row["router"],
        hosts=tuple(dict.fromkeys((host.lower(), row["router"]))),
        distinguisher=None if distinguisher in _NO_DISTINGUISHER else distinguisher,
    )
