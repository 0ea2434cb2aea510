"""From rows of the store to the bodies of answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from shared.contracts.routes import LastDown, PeerBody, RouteBody, RoutePeer, RouterBody
from shared.contracts.vocabulary import ORIGINS, PEER_TYPES, RIB_VIEWS, family_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import RowMapping

    from shared.contracts.routes import RouteState

# How the store writes what is not an AS_SEQUENCE: {set}, (confederation sequence), [its set].
_SETS = {"{": "}", "[": "]"}


def router_body(row: RowMapping) -> RouterBody:
    """A row of `rib.router` with the counts of its peers."""
    return RouterBody(
        id=row["router_id"],
        address=_address(row["address"]),
        name=row["sys_name"],
        sys_descr=row["sys_descr"],
        state="connected" if row["connected_since"] else "disconnected",
        first_seen=row["first_seen"],
        connected_since=row["connected_since"],
        last_message_at=row["last_message_at"],
        peers_up=row["peers_up"],
        peers_total=row["peers_total"],
    )


def peer_body(row: RowMapping, now: datetime) -> PeerBody:
    """A row of `rib.peer` with the names of its router."""
    is_up = row["state"] == "up"
    return PeerBody(
        id=row["peer_id"],
        router_id=row["router_id"],
        router=_router(row),
        peer_type=PEER_TYPES.get(row["peer_type"], str(row["peer_type"])),
        distinguisher=row["distinguisher"],
        address=_address(row["address"]),
        asn=row["asn"],
        bgp_id=_optional(row["bgp_id"]),
        state=row["state"],
        since=row["since"],
        uptime_s=_seconds(now, row["since"]) if is_up and row["since"] else None,
        inferred=row["is_inferred"],
        table_name=row["table_name"],
        local_address=_optional(row["local_address"]),
        local_port=row["local_port"],
        remote_port=row["remote_port"],
        hold_time=row["hold_time"],
        capabilities=row["capabilities"],
        last_down=None
        if row["down_at"] is None
        else LastDown(reason_code=row["down_code"], reason=row["down_reason"], at=row["down_at"]),
    )


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
        router=_router(rib),
        router_id=rib["router_id"],
        peer=RoutePeer(id=rib["peer_id"], address=_address(rib["address"]), asn=rib["asn"]),
        rib=RIB_VIEWS[rib["view"]],
        state=state,
        next_hop=_optional(row["next_hop"]),
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
        originator_id=_optional(row["originator_id"]),
        cluster_list=[_address(one) for one in row["cluster_list"] or ()],
        first_seen=row["first_seen"],
        last_updated=row["last_changed"],
        last_confirmed=row["last_confirmed"],
        age_s=_seconds(now, row["last_changed"]),
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


def _router(peer: RowMapping) -> str:
    return peer["sys_name"] or _address(peer["router_address"])


def _aggregator(row: RowMapping) -> str | None:
    if row["aggregator_asn"] is None:
        return None
    return f"{row['aggregator_asn']}:{_address(row['aggregator_id'])}"


def _address(value: Any) -> str:  # noqa: ANN401 - the driver's choice: address, interface or network
    return str(value).partition("/")[0]


def _optional(value: Any) -> str | None:  # noqa: ANN401 - the driver's choice, as above
    return None if value is None else _address(value)


def _seconds(now: datetime, moment: datetime) -> float:
    return round((now - moment).total_seconds(), 3)
