"""The static routes of Magic Transit, and who gets the traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PENALTIES = {"healthy": 0, "degraded": 500_000, "down": 1_000_000}


@dataclass
class RouteTable:
    """Routes by id, as rows of the API, and the tunnels that they lead into."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    routes: dict[str, dict[str, Any]] = field(default_factory=dict)
    tunnels: dict[str, str] = field(default_factory=dict)
    """The health of tunnels by next hop: healthy, degraded or down."""
    history: list[dict[str, dict[str, float]]] = field(default_factory=list)
    """The traffic of all prefixes after each write."""
    after_write: Callable[[], None] = lambda: None
    """Called after each write: somebody else may write at once."""

    def add(self, prefix: str, nexthop: str, priority: int, **fields: Any) -> str:
        """A route more; returns its id."""
        identifier = f"{len(self.routes) + 0xC4A7:032x}"
        moment = self.moment()
        self.routes[identifier] = {
            "id": identifier,
            "prefix": prefix,
            "nexthop": nexthop,
            "priority": priority,
            "weight": 100,
            "scope": None,
            "description": None,
            "created_on": moment,
            "modified_on": moment,
            **fields,
        }
        return identifier

    def edit(self, identifier: str, **fields: Any) -> None:
        """Somebody else changes a route."""
        self.routes[identifier] |= {"modified_on": self.moment(), **fields}

    def traffic(self, prefix: str) -> dict[str, float]:
        """The share of each next hop. Equal priorities share it by weight (ECMP)."""
        routes = [route for route in self.routes.values() if route["prefix"] == prefix]
        best = min((self.effective(route) for route in routes), default=None)
        used = [route for route in routes if self.effective(route) == best]
        total = sum(route["weight"] or 1 for route in used)
        shares: dict[str, float] = {}
        for route in used:
            share = (route["weight"] or 1) / total
            shares[route["nexthop"]] = shares.get(route["nexthop"], 0.0) + share
        return shares

    def all_traffic(self) -> dict[str, dict[str, float]]:
        """The traffic of each prefix."""
        prefixes = sorted({route["prefix"] for route in self.routes.values()})
        return {prefix: self.traffic(prefix) for prefix in prefixes}

    def write(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows replace what was there: a field that is not sent is lost. Returns them."""
        optional = {"weight": None, "scope": None, "description": None}
        for row in rows:
            kept = {"created_on": self.routes[row["id"]]["created_on"]}
            self.routes[row["id"]] = {**optional, **row, **kept, "modified_on": self.moment()}
        self.history.append(self.all_traffic())
        self.after_write()
        return [self.routes[row["id"]] for row in rows]

    def clear(self, identifiers: list[str]) -> None:
        """Deletes routes."""
        for identifier in identifiers:
            del self.routes[identifier]
        self.history.append(self.all_traffic())

    def effective(self, route: dict[str, Any]) -> int:
        """A route's priority with the penalty of its tunnel."""
        penalty = PENALTIES[self.tunnels.get(route["nexthop"], "healthy")]
        return int(route["priority"]) + penalty

    def moment(self) -> str:
        """Now, as Cloudflare writes it."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
