"""What the fake GCP knows and does: routers, their sessions, operations, backends.

It is written from GCP's documentation, and shares no code with what is tested against it.
"""

from __future__ import annotations

import copy
import ipaddress
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Resource: TypeAlias = dict[str, Any]
USER = "bgpilot@demo.iam.gserviceaccount.com"
"""Who makes the changes, unless a test says so."""
Key: TypeAlias = tuple[str, str, str]
"""Project, region and router."""


@dataclass(frozen=True)
class Change:
    """A router began to announce a prefix to its sessions, or stopped."""

    region: str
    router: str
    prefix: str
    announced: bool


Hook: TypeAlias = Callable[[Change], Awaitable[None]]


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, reason: str, message: str, domain: str = "global") -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {
                "code": status,
                "message": message,
                "errors": [{"message": message, "domain": domain, "reason": reason}],
            }
        }


@dataclass
class Session:
    """The BGP session of one peer."""

    status: Literal["UP", "DOWN", "UNKNOWN"] = "UP"
    state: str = "Established"
    since: float = 0.0
    learned: int = 1
    depreferenced: bool = False


@dataclass
class Outcome:
    """What becomes of an operation."""

    effect: Literal["whole", "partial", "none"] = "whole"
    """Partial: the router's own list is changed, and none of its peers'."""
    error: tuple[str, str] | None = None
    """A code and a message."""
    seconds: float | None = None
    """Until it is done; None: as long as any."""


@dataclass
class Operation:
    """A change that was accepted."""

    name: str
    request_id: str
    key: Key
    patch: Resource
    ends: float
    outcome: Outcome
    user: str
    began: datetime
    done: bool = False

    def as_resource(self) -> Resource:
        found: Resource = {
            "kind": "compute#operation",
            "name": self.name,
            "clientOperationId": self.request_id,
            "operationType": "patch",
            "targetLink": (
                f"https://www.googleapis.com/compute/v1/projects/{self.key[0]}/regions/"
                f"{self.key[1]}/routers/{self.key[2]}"
            ),
            "user": self.user,
            "insertTime": self.began.isoformat(),
            "status": "DONE" if self.done else "RUNNING",
            "progress": 100 if self.done else 0,
            "region": self.key[1],
        }
        if self.done and self.outcome.error:
            code, message = self.outcome.error
            found |= {
                "httpErrorStatusCode": 400,
                "httpErrorMessage": "BAD REQUEST",
                "error": {"errors": [{"code": code, "message": message}]},
            }
        return found


@dataclass
class Router:
    """A Cloud Router and what its sessions have been told."""

    resource: Resource
    sessions: dict[str, Session] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    deaf: bool = False
    """It says that it announces and withdraws, and does neither: the hook is not called."""


class State:
    """All of a fake GCP, without HTTP."""

    def __init__(self, clock: Callable[[], float], hook: Hook | None = None) -> None:
        self.clock = clock
        self.hook = hook
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.operation_seconds = 0.0
        self.outcomes: deque[Outcome] = deque()
        """Of the operations to come; the whole effect where there is none."""
        self.routers: dict[Key, Router] = {}
        self.services: dict[tuple[str, str], list[Resource]] = {}
        """By project and region or `global`."""
        self.health: dict[str, list[Resource]] = {}
        """By group; a group that is not there has no health."""
        self.operations: dict[str, Operation] = {}

    # ---- what a test sets up

    def add_router(self, key: Key, resource: Resource | None = None) -> Router:
        """A router with one peer, `peer-a`, unless told otherwise; all its sessions are up."""
        body: Resource = {
            "kind": "compute#router",
            "name": key[2],
            "network": f"projects/{key[0]}/global/networks/vpc",
            "bgp": {"asn": 64514, "advertiseMode": "DEFAULT", "keepaliveInterval": 20},
            "bgpPeers": [peer("peer-a")],
            **(resource or {}),
        }
        router = Router(body)
        for one in body["bgpPeers"]:
            router.sessions[one["name"]] = Session(since=self.clock())
        router.announced = self._announced(router)
        self.routers[key] = router
        return router

    def add_service(
        self, project: str, place: str, name: str, groups: Mapping[str, list[str]]
    ) -> None:
        """A backend service; `groups` has the states of the endpoints of each group."""
        backends = [{"group": group, "capacityScaler": 1} for group in groups]
        self.services.setdefault((project, place), []).append({"name": name, "backends": backends})
        for group, states in groups.items():
            self.set_health(group, states)

    def set_health(self, group: str, states: list[str]) -> None:
        """The states of the endpoints of a group; none at all: nothing is known of it."""
        self.health[group] = [
            {
                "instance": f"{group}/instances/{number}",
                "ipAddress": f"10.0.0.{number}",
                "port": 443,
                "healthState": state,
            }
            for number, state in enumerate(states, start=1)
        ]

    async def set_session(self, key: Key, name: str, session: Session) -> None:
        """A session goes up or down."""
        session.since = self.clock()
        self.routers[key].sessions[name] = session
        await self._follow(key)

    # ---- what GCP does

    async def begin(self) -> None:
        """Tells the hook what is announced already."""
        for key, router in self.routers.items():
            for prefix in sorted(router.announced):
                if self.hook is not None:
                    await self.hook(Change(key[1], key[2], prefix, announced=True))

    async def settle(self) -> None:
        """Ends the operations whose time has come."""
        for operation in list(self.operations.values()):
            if not operation.done and self.clock() >= operation.ends:
                operation.done = True
                self._take_effect(operation)
                await self._follow(operation.key)

    def router(self, key: Key) -> Router:
        """Raises Refused where there is none."""
        if key not in self.routers:
            raise Refused(404, "notFound", f"The resource 'routers/{key[2]}' was not found")
        return self.routers[key]

    def patch(self, key: Key, body: Resource, request_id: str, user: str = USER) -> Operation:
        """Accepts a change, or the same once more."""
        for operation in self.operations.values():
            if request_id and operation.request_id == request_id:
                return operation
        router = self.router(key)
        if any(not one.done and one.key == key for one in self.operations.values()):
            raise Refused(400, "resourceNotReady", f"The resource 'routers/{key[2]}' is not ready")
        check_router(merge(router.resource, body))
        name = f"operation-{len(self.operations) + 1}"
        outcome = self.outcomes.popleft() if self.outcomes else Outcome()
        seconds = self.operation_seconds if outcome.seconds is None else outcome.seconds
        ends = self.clock() + seconds
        self.operations[name] = Operation(
            name,
            request_id or str(uuid.uuid4()),
            key,
            copy.deepcopy(body),
            ends,
            outcome,
            user,
            self.now(),
        )
        return self.operations[name]

    def status(self, key: Key) -> Resource:
        """getRouterStatus."""
        router = self.router(key)
        found = [self._peer_status(router, one) for one in router.resource["bgpPeers"]]
        status: Resource = {"network": router.resource["network"], "natStatus": []}
        if found:
            status["bgpPeerStatus"] = found
        return {"kind": "compute#routerStatusResponse", "result": status}

    def _peer_status(self, router: Router, one: Resource) -> Resource:
        session = router.sessions[one["name"]]
        is_up = session.status == "UP"
        uptime = int(self.clock() - session.since)
        found: Resource = {
            "name": one["name"],
            "ipAddress": one.get("ipAddress"),
            "peerIpAddress": one.get("peerIpAddress"),
            "status": session.status,
            "state": session.state,
        }
        if is_up:
            routes = [
                {"destRange": prefix, "nextHopIp": one.get("ipAddress"), "priority": 100}
                for prefix in sorted(told(router.resource, one))
            ]
            found |= {"uptimeSeconds": str(uptime), "advertisedRoutes": routes}
            if session.learned:
                found["numLearnedRoutes"] = session.learned
        if session.depreferenced:
            found["depreferenced"] = True
        return found

    def _take_effect(self, operation: Operation) -> None:
        effect, patch = operation.outcome.effect, operation.patch
        if effect == "none" or (operation.outcome.error and effect != "partial"):
            return
        if effect == "partial":
            patch = {key: value for key, value in patch.items() if key != "bgpPeers"}
        router = self.routers[operation.key]
        router.resource = normalised(merge(router.resource, patch))
        names = [one["name"] for one in router.resource["bgpPeers"]]
        router.sessions = {
            name: router.sessions.get(name, Session(since=self.clock())) for name in names
        }

    async def _follow(self, key: Key) -> None:
        router = self.routers[key]
        before, after = router.announced, self._announced(router)
        if router.deaf:
            return
        router.announced = after
        if self.hook is None:
            return
        for prefix in sorted(before ^ after):
            await self.hook(Change(key[1], key[2], prefix, prefix in after))

    @staticmethod
    def _announced(router: Router) -> set[str]:
        return {
            prefix
            for one in router.resource["bgpPeers"]
            if router.sessions[one["name"]].status == "UP"
            for prefix in told(router.resource, one)
        }


def peer(name: str, number: int = 1, **more: object) -> Resource:
    """A BGP peer's entry."""
    return {
        "name": name,
        "interfaceName": f"if-{number}",
        "ipAddress": f"169.254.{number}.1",
        "peerIpAddress": f"169.254.{number}.2",
        "peerAsn": 65001,
        "advertiseMode": "DEFAULT",
        "enable": "TRUE",
        "managementType": "MANAGED_BY_USER",
        **more,
    }


def told(router: Resource, one: Resource) -> set[str]:
    """The custom ranges that a peer's session announces; a peer's own list is in place of ours."""
    if one.get("enable") == "FALSE":
        return set()
    holder = one if one.get("advertiseMode") == "CUSTOM" else router.get("bgp", {})
    if holder.get("advertiseMode") != "CUSTOM":
        return set()
    return {entry["range"] for entry in holder.get("advertisedIpRanges", [])}


def merge(target: object, patch: object) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def normalised(router: Resource) -> Resource:
    """As GCP gives it back: ranges in an order of its own, and no list that is empty."""
    for holder in (router.get("bgp", {}), *router["bgpPeers"]):
        ranges = sorted(holder.pop("advertisedIpRanges", []), key=lambda entry: entry["range"])
        if ranges:
            holder["advertisedIpRanges"] = ranges
    return router


def check_router(router: Resource) -> None:
    """Raises Refused for what GCP would refuse."""
    for holder in (router.get("bgp", {}), *router["bgpPeers"]):
        ranges = holder.get("advertisedIpRanges", [])
        if holder.get("advertiseMode") != "CUSTOM" and (ranges or holder.get("advertisedGroups")):
            raise Refused(400, "invalid", "Only the mode CUSTOM can have advertisedIpRanges")
        if len(ranges) > 200:
            raise Refused(400, "invalid", "At most 200 custom ranges can be advertised")
        for entry in ranges:
            try:
                ipaddress.ip_network(entry["range"])
            except (KeyError, ValueError):
                raise Refused(400, "invalid", f"Invalid value for range: {entry}") from None
