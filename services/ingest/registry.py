"""The numbers by which the store knows routers, peers, their sessions and RIBs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.ingest.database import Database
from services.ingest.flow import PeerFlow
from services.ingest.repository import identities

if TYPE_CHECKING:
    from pydantic import SecretStr

    from services.ingest.wire import NlriSet, PeerHeader, PeerKey, RibView

_RibKey = tuple[int, int, bool]
"""View, family, and whether its routes have path identifiers."""


@dataclass(slots=True)
class Rib:
    """One RIB of a peer."""

    rib_id: int
    has_path_ids: bool
    replaces: Rib | None = None
    """The RIB without path identifiers whose routes those of this one take the place of.

    GoBGP dumps a view without them and then updates it with them (ADD-PATH).
    """


@dataclass(slots=True)
class PeerSession:
    """One session of a peer, as the store knows it."""

    peer_id: int
    session: int
    is_inferred: bool
    own_asn: int | None = None
    """The router's own AS, where it puts it before the paths that it received."""
    ends: tuple[bytes, int, int] | None = None
    """Local address, local port and remote port of the BGP session, as its Peer Up says."""
    complete_by: float | None = None
    """The connection's time at which its tables count as complete; None once they do."""
    ribs: dict[_RibKey, Rib] = field(default_factory=dict)
    flow: PeerFlow = field(default_factory=PeerFlow)
    """Its peer's, whose routes are counted."""

    def has_rib(self, view: RibView, routes: NlriSet) -> bool:
        """Whether the RIB of these routes is registered."""
        return (view, routes.family, routes.path_ids is not None) in self.ribs

    def rib(self, view: RibView, routes: NlriSet) -> Rib:
        """The RIB of these routes. KeyError where it is not registered."""
        return self.ribs[view, routes.family, routes.path_ids is not None]

    def add_rib(self, view: RibView, family: int, rib: Rib) -> None:
        """Adds a RIB to those that it has routes in."""
        self.ribs[view, family, rib.has_path_ids] = rib
        with_ids = self.ribs.get((view, family, True))
        without = self.ribs.get((view, family, False))
        if with_ids is not None:
            with_ids.replaces = without


Sessions = dict["PeerKey", PeerSession]
"""The sessions that one connection feeds."""


class Registry:
    """Hands out ids and session numbers; waits while the database is away.

    An id is committed before anything refers to it. A number that was handed out and never
    used does no harm.
    """

    def __init__(self, url: SecretStr) -> None:
        self._database = Database(url, application="bgpilot ingest registry")
        self._open: dict[int, list[Sessions]] = {}
        self.bgp_ids: dict[str, str] = {}
        """BGP identifiers of routers, by address: for people, who know routers by them."""

    async def load(self) -> None:
        """Learns what the store knows already."""
        self.bgp_ids |= await self._database.run(identities.bgp_ids)

    async def router(self, address: str) -> int:
        """The id of the router with this address."""
        return await self._database.run(lambda conn: identities.register_router(conn, address))

    async def session(self, router_id: int, peer: PeerHeader, *, is_inferred: bool) -> PeerSession:
        """A new session of this peer (RFC 7854 4.2: type, distinguisher and address)."""
        peer_id, session = await self._database.run(
            lambda conn: identities.register_session(
                conn,
                router_id,
                peer.peer_type,
                peer.distinguisher_text,
                peer.address_text,
                peer.asn,
            )
        )
        return PeerSession(peer_id, session, is_inferred)

    async def rib(self, peer: PeerSession, view: RibView, routes: NlriSet) -> None:
        """Gives the peer the RIB of these routes."""
        has_path_ids = routes.path_ids is not None
        rib_id = await self._database.run(
            lambda conn: identities.register_rib(
                conn, peer.peer_id, routes.family, view, has_path_ids
            )
        )
        peer.add_rib(view, routes.family, Rib(rib_id, has_path_ids))

    def join(self, router_id: int, sessions: Sessions) -> None:
        """A connection of this router has begun; `sessions` is its own, and stays so."""
        self._open.setdefault(router_id, []).append(sessions)

    def leave(self, router_id: int, sessions: Sessions) -> dict[int, int]:
        """It has ended: the sessions that no other connection of the router feeds, by peer id.

        A router may have several connections, and then the newest one's word counts. When that
        one ends, the others go on in its sessions: what it announced is still so.
        """
        others = self._open[router_id]
        others[:] = [other for other in others if other is not sessions]
        if not others:
            del self._open[router_id]
        lost = {}
        for key, peer in sessions.items():
            heirs = [other[key] for other in others if key in other]
            for heir in heirs:
                heir.session = max(heir.session, peer.session)
            if not heirs:
                lost[peer.peer_id] = peer.session
        return lost

    async def close(self) -> None:
        """Closes the connection."""
        await self._database.close()
