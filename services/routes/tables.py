"""What the commands show of routes, peers and routers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.routes.terminal import Cell, Column, Screen, span, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.contracts.envelope import Envelope
    from shared.contracts.inventory import CountedRoutes, PeerBody, RouterBody
    from shared.contracts.routes import RouteBody

_MARKS = {"active": Cell(""), "stale": Cell("~", "yellow"), "withdrawn": Cell("-", "red")}
_MEANINGS = {"~": "stale: the last that is known", "-": "withdrawn"}
_STATE_COLORS = {"up": "green", "connected": "green", "down": "red"}
_RPKI_COLORS = {"valid": "green", "invalid": "red"}

_ROUTE_COLUMNS = (
    Column(""),
    Column("prefix"),
    Column("peer"),
    Column("router", drop=2),
    Column("rib", drop=1),
    Column("next hop", drop=4),
    Column("as path", cut=True),
    Column("origin", drop=5),
    Column("rpki"),
    Column("age", drop=3),
)
_PEER_COLUMNS = (
    Column("id"),
    Column("address"),
    Column("as"),
    Column("name", drop=5),
    Column("router", drop=1),
    Column("type", drop=4),
    Column("state"),
    Column("since"),
    Column("routes"),
    Column("last down", cut=True, drop=3),
)
_ROUTER_COLUMNS = (
    Column("id"),
    Column("name"),
    Column("address"),
    Column("as", drop=2),
    Column("state"),
    Column("since"),
    Column("peers up"),
    Column("routes"),
    Column("last message", drop=1),
)


@dataclass(slots=True)
class Shown:
    """The lines of a table, and notes that are not part of it."""

    lines: list[str]
    notes: list[str] = field(default_factory=list)


def route_table(envelope: Envelope[list[RouteBody]], screen: Screen) -> Shown:
    """A line for each route; without routes, the note says so."""
    rows = [_route(route) for route in envelope.data]
    if not rows:
        return Shown([], ["no route"])
    marks = {row[0].text for row in rows}
    legend = [f"{mark} {meaning}" for mark, meaning in _MEANINGS.items() if mark in marks]
    return Shown(table(_ROUTE_COLUMNS, rows, screen), legend)


def peer_table(envelope: Envelope[list[PeerBody]], screen: Screen) -> Shown:
    """A line for each peer."""
    now = datetime.now(UTC)
    rows = [
        (
            Cell(str(peer.id)),
            Cell(peer.address),
            Cell(str(peer.asn)),
            Cell(peer.as_name or ""),
            Cell(peer.router),
            Cell(peer.peer_type),
            Cell(peer.state, _STATE_COLORS.get(peer.state, "yellow")),
            _since(peer.since, now),
            _routes(peer),
            Cell((peer.last_down.reason or "") if peer.last_down else ""),
        )
        for peer in envelope.data
    ]
    return Shown(table(_PEER_COLUMNS, rows, screen)) if rows else Shown([], ["no peer"])


def router_table(envelope: Envelope[list[RouterBody]], screen: Screen) -> Shown:
    """A line for each router."""
    now = datetime.now(UTC)
    rows = [
        (
            Cell(str(router.id)),
            Cell(router.name or ""),
            Cell(router.address),
            Cell("" if router.asn is None else str(router.asn)),
            Cell(router.state, _STATE_COLORS.get(router.state, "red")),
            _since(router.connected_since, now),
            Cell(f"{router.peers_up}/{router.peers_total}"),
            _routes(router),
            _since(router.last_message_at, now),
        )
        for router in envelope.data
    ]
    return Shown(table(_ROUTER_COLUMNS, rows, screen)) if rows else Shown([], ["no router"])


def _route(route: RouteBody) -> Sequence[Cell]:
    path_id = "" if route.path_id is None else f" ({route.path_id})"
    rpki = route.rpki or ""
    return (
        _MARKS[route.state],
        Cell(_what(route) + path_id),
        Cell(f"{route.peer.address} AS{route.peer.asn}"),
        Cell(route.router),
        Cell(route.rib),
        Cell(route.next_hop or ""),
        Cell(route.as_path_str),
        Cell((route.as_names or {}).get(str(route.origin_asn), "")),
        Cell(rpki.replace("_", " "), _RPKI_COLORS.get(rpki)),
        Cell(span(route.age_s)),
    )


def _what(route: RouteBody) -> str:
    """The prefix, or what says as much in a family whose routes are more than that."""
    if route.nlri is None:
        return route.prefix or ""
    if route.evpn is None:
        what = route.prefix or " ".join(f"{key}={value}" for key, value in route.nlri.items())
        return what if route.rd is None or route.prefix is None else f"{route.rd} {what}"
    evpn = route.evpn
    parts = (f"[{evpn.route_type}]", evpn.rd, evpn.mac, evpn.ip, evpn.prefix)
    return " ".join(part for part in parts if part)


def _since(moment: datetime | None, now: datetime) -> Cell:
    return Cell("" if moment is None else span((now - moment).total_seconds()))


def _routes(counted: CountedRoutes) -> Cell:
    if counted.routes_by_family is None:
        return Cell("")
    return Cell(str(sum(counted.routes_by_family.values())))
