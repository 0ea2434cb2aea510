"""Static routes of Magic Transit, as they are read and as they are written back. Pure.

    {"id": "c4a7...", "prefix": "203.0.113.0/24", "nexthop": "10.0.0.1", "priority": 100,
     "weight": 100, "scope": {"colo_names": ["den01"]}, "description": "edge-primary GCP east",
     "created_on": "2017-06-14T00:00:00Z", "modified_on": "2017-06-14T05:20:00Z"}

The lower priority value wins; equal values of one prefix share the traffic (ECMP).
https://developers.cloudflare.com/magic-transit/reference/traffic-steering/
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_network
from typing import TYPE_CHECKING

from services.failover.acting.actuator import ActionError

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, object]

_WRITTEN_BY_CLOUDFLARE = frozenset({"created_on", "modified_on"})


class Penalty(IntEnum):
    """What Cloudflare adds to the priority of a route whose tunnel is not well.

    It decides so in each of its data centres, and takes it back only after up to 30 minutes.
    """

    NONE = 0
    DEGRADED = 500_000
    DOWN = 1_000_000


LOWEST_PENALTY = int(Penalty.DEGRADED)
"""A priority of ours is below it, or it could not be told from a penalised one."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route: the row whole, and of it what decisions need."""

    row: Mapping[str, object]
    id: str
    prefix: str
    nexthop: str
    priority: int
    """As read, with Cloudflare's penalty where there is one."""
    description: str
    modified_on: str | None
    """As Cloudflare writes it: it is only ever compared."""

    @property
    def penalty(self) -> Penalty:
        """What of the priority is not ours."""
        return max(one for one in Penalty if self.priority >= one)

    @property
    def own_priority(self) -> int:
        """The priority that was set."""
        return self.priority - self.penalty

    def with_priority(self, priority: int) -> Row:
        """The row as it is written: nothing changes but the priority.

        It is written whole, since the documentation says both that fields may be left out and
        that they are needed. What is null is left out, which means the same either way.
        """
        kept = {
            name: value
            for name, value in self.row.items()
            if value is not None and name not in _WRITTEN_BY_CLOUDFLARE
        }
        return {**kept, "priority": priority}

    def __str__(self) -> str:
        return f"{self.prefix} via {self.nexthop} ({self.description or 'no description'})"


def parse(row: object) -> Route:
    """One row of an answer; raises ActionError if it lacks what a route must have."""
    fields = row if isinstance(row, dict) else {}
    match fields:
        case {
            "id": str(identifier),
            "prefix": str(prefix),
            "nexthop": str(nexthop),
            "priority": int(priority),
        } if identifier and _is_priority(priority) and _is_network(prefix) and _texts(fields):
            return Route(
                row=fields,
                id=identifier,
                prefix=prefix,
                nexthop=nexthop,
                priority=priority,
                description=str(fields.get("description") or ""),
                modified_on=_text(fields.get("modified_on")),
            )
        case _:
            raise ActionError(f"Cloudflare sent a route without its fields: {_short(row)}")


def parse_list(result: object) -> list[Route]:
    """The routes of a list's `result`; raises ActionError if they are not there."""
    match result:
        case {"routes": list(rows)}:
            routes = [parse(row) for row in rows]
        case _:
            raise ActionError(f"Cloudflare's list of routes has none in it: {_short(result)}")
    if len({route.id for route in routes}) != len(routes):
        raise ActionError("Cloudflare's list has two routes of one id: read it again")
    return routes


def _is_priority(value: int) -> bool:
    return value >= 0 and not isinstance(value, bool)


def _texts(fields: Mapping[str, object]) -> bool:
    """Whether what is text where it is there at all is text, or null."""
    return all(isinstance(fields.get(name), str | None) for name in ("description", "modified_on"))


def _is_network(prefix: str) -> bool:
    try:
        ip_network(prefix, strict=False)
    except ValueError:
        return False
    return True


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _short(value: object) -> str:
    return repr(value)[:200]
