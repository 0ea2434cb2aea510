"""The numbers by which the store knows routers and the sessions of their peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.ingest import repository
from services.ingest.database import Database

if TYPE_CHECKING:
    from pydantic import SecretStr

    from services.ingest.wire import PeerHeader, PeerKey


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


Sessions = dict["PeerKey", PeerSession]
"""The sessions that one connection feeds."""


class Registry:
    """Hands out router ids, peer ids and session numbers; waits while the database is away.

    An id is committed before anything refers to it. A number that was handed out and never
    used does no harm.
    """

    def __init__(self, url: SecretStr) -> None:
        self._database = Database(url, application="bgpilot ingest registry")
        self._open: dict[int, list[Sessions]] = {}

    async def router(self, address: str) -> int:
        """The id of the router with this address."""
        return await self._database.run(lambda conn: repository.register_router(conn, address))

    async def session(self, router_id: int, peer: PeerHeader, *, is_inferred: bool) -> PeerSession:
        """A new session of this peer (RFC 7854 4.2: type, distinguisher and address)."""
        peer_id, session = await self._database.run(
            lambda conn: repository.register_session(
                conn,
                router_id,
                peer.peer_type,
                peer.distinguisher_text,
                peer.address_text,
                peer.asn,
            )
        )
        return PeerSession(peer_id, session, is_inferred)

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

    async def end_what_was_open(self) -> int:
        """Marks as lost what an earlier run left open; says how many sessions."""
        return await self._database.run(repository.end_what_was_open)

    async def close(self) -> None:
        """Closes the connection."""
        await self._database.close()
