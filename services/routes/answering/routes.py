"""From rows of routes to the bodies of answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from services.routes.answering.fields import (
    address_text,
    optional_address,
    router_name,
    seconds_since,
)
from shared.contracts.routes import RouteBody, RoutePeer
from shared.contracts.vocabulary import ORIGINS, RIB_VIEWS, family_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import RowMapping

    from shared.contracts.routes import RouteState

# How the store writes what is not an AS_SEQUENCE: {set}, (confederation sequence), [its set].
_SETS = {"{": "}", "[": "]"}


def route_state(row: RowMapping, rib: RowMapping) -> RouteState:
    """Whether a route is there now.

    It is withdrawn where a Peer Down or a table without it came after its session, and stale
    where its router has not yet said it again since the connection was lost.
    """
    if row["is_withdrawn"] or row["session"] < rib["valid_session"]:
        return "withdrawn"
    if rib["state"] == "lost" or row["session"] < rib["session"]:
        return "stale"
    return "active"


def route_body(row: RowMapping, rib: RowMapping, now: datetime) -> RouteBody:
    """A route with its path attributes, its peer and the peer's router."""
    state = route_state(row, rib)
    path = row["as_path"] or []
    path_text = row["as_path_text"]
    return RouteBody(
        prefix=str(row["prefix"]),
        family=family_name(rib["family"]),
        path_id=row["path_id"] & 0xFFFFFFFF if rib["has_path_ids"] else None,
        router=router_name(rib),
        router_id=rib["router_id"],
        peer=RoutePeer(id=rib["peer_id"], address=address_text(rib["address"]), asn=rib["asn"]),
        rib=RIB_VIEWS[rib["view"]],
        state=state,
        next_hop=optional_address(row["next_hop"]),
        origin=ORIGINS.get(row["origin"]),
        origin_asn=row["origin_asn"],
        as_path=path if path_text is None else read_as_path(path_text),
        as_path_str=path_text or " ".join(map(str, path)),
        med=row["med"],
        local_pref=row["local_pref"],
        communities=[f"{one >> 16}:{one & 0xFFFF}" for one in row["communities"] or ()],
        large_communities=row["large_communities"] or [],
        ext_communities=row["ext_communities"] or [],
        aggregator=_aggregator(row),
        atomic_aggregate=row["atomic_aggregate"],
        originator_id=optional_address(row["originator_id"]),
        cluster_list=[address_text(one) for one in row["cluster_list"] or ()],
        first_seen=row["first_seen"],
        last_updated=row["last_changed"],
        last_confirmed=row["last_confirmed"],
        age_s=seconds_since(now, row["last_changed"]),
        withdrawn_at=_withdrawn_at(row, rib) if state == "withdrawn" else None,
    )


def read_as_path(text: str) -> list[int | list[int]]:
    """The path as JSON has it: a set becomes a nested list, a confederation sequence is inline."""
    path: list[int | list[int]] = []
    members: list[int] | None = None
    for token in text.replace(",", " ").split():
        for bracket in "{[":
            if token.startswith(bracket):
                members = []
                path.append(members)
        if digits := token.strip("{}[]()"):
            (path if members is None else members).append(int(digits))
        if token.endswith(("}", "]")):
            members = None
    return path


def stale_warnings(routes: Iterable[RouteBody], ribs: Iterable[RowMapping]) -> list[str]:
    """One sentence for each router whose routes in this answer are only the last known."""
    peers = {rib["peer_id"]: rib for rib in ribs}
    stale: dict[str, tuple[int, datetime, bool]] = {}
    for route in routes:
        if route.state == "stale":
            peer = peers[route.peer.id]
            count, since, is_lost = stale.get(route.router, (0, peer["since"], False))
            is_lost |= peer["state"] == "lost"
            stale[route.router] = (count + 1, min(since, peer["since"]), is_lost)
    return [
        f"{count} of these routes are stale: the connection to router {router} ended at "
        f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        if is_lost
        else f"{count} of these routes are stale: router {router} is sending its table again"
        for router, (count, since, is_lost) in stale.items()
    ]


def _withdrawn_at(row: RowMapping, rib: RowMapping) -> datetime | None:
    # Where nobody withdrew it, its session ended, or its router sent its table without it.
    moments = (rib["down_at"], rib["complete_at"], rib["since"])
    if row["is_withdrawn"]:
        return cast("datetime", row["last_changed"])
    after = [one for one in moments if one is not None and one >= row["last_confirmed"]]
    return min(after, default=None)


def _aggregator(row: RowMapping) -> str | None:
    if row["aggregator_asn"] is None:
        return None
    return f"{row['aggregator_asn']}:{address_text(row['aggregator_id'])}"
