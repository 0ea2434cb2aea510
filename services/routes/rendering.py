"""From rows of the store to the bodies of answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.contracts.routes import LastDown, PeerBody, RouteBody, RoutePeer, RouterBody
from shared.contracts.vocabulary import FAMILIES, ORIGINS, PEER_TYPES, RIB_VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
        state="connected" if row["connections"] else "disconnected",
        first_seen=row["first_seen"],
        connected_since=row["connected_since"] if row["connections"] else None,
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


def route_state(row: RowMapping, peer: RowMapping) -> RouteState:
    """Whether a route is there now: it is withdrawn where a newer session never announced it."""
    if row["is_withdrawn"] or peer["state"] == "down" or row["session"] != peer["session"]:
        return "withdrawn"
    return "stale" if peer["state"] == "lost" else "active"


def route_body(row: RowMapping, peer: RowMapping, now: datetime) -> RouteBody:
    """A route with its path attributes, its peer and the peer's router."""
    state = route_state(row, peer)
    path = row["as_path"] or []
    path_text = row["as_path_text"]
    return RouteBody(
        prefix=str(row["prefix"]),
        family=FAMILIES[row["family"]],
        path_id=row["path_id"] if row["path_id"] >= 0 else None,
        router=_router(peer),
        router_id=peer["router_id"],
        peer=RoutePeer(id=peer["peer_id"], address=_address(peer["address"]), asn=peer["asn"]),
        rib=RIB_VIEWS[row["view"]],
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
        withdrawn_at=_withdrawn_at(row, peer) if state == "withdrawn" else None,
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


def stale_warnings(routes: Iterable[RouteBody], peers: Mapping[int, RowMapping]) -> list[str]:
    """One sentence for each router whose routes in this answer are only the last known."""
    stale: dict[str, tuple[int, datetime]] = {}
    for route in routes:
        if route.state == "stale":
            since = peers[route.peer.id]["since"]
            count, earliest = stale.get(route.router, (0, since))
            stale[route.router] = (count + 1, min(earliest, since))
    return [
        f"{count} of these routes are stale: the connection to router {router} ended at "
        f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        for router, (count, since) in stale.items()
    ]


def _withdrawn_at(row: RowMapping, peer: RowMapping) -> datetime | None:
    # Where nobody withdrew it, its session ended, or a newer one never announced it.
    moment: datetime | None = row["last_changed"] if row["is_withdrawn"] else peer["since"]
    return moment


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
