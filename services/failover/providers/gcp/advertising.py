"""What a Cloud Router announces, and the smallest change that makes it announce or not. Pure.

A router has a list of ranges, and so may each of its peers: a peer whose mode is CUSTOM announces
its own list in place of the router's, so what is announced is a matter of each session. A change
is a JSON merge patch (RFC 7396), in which a list is replaced whole: an empty one has to be there
as [], and a peer that is left out is deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, TypeAlias

from services.failover.acting.actuator import ActionError

if TYPE_CHECKING:
    from services.failover.providers.gcp.compute import Resource

Network: TypeAlias = IPv4Network | IPv6Network

MAX_RANGES = 200
"""Custom ranges that one BGP session may announce."""
SUBNETS = "ALL_SUBNETS"
"""What is announced in the mode DEFAULT, and in the mode CUSTOM only if it is named."""

_ROUTER = "the router"


@dataclass(frozen=True, slots=True)
class Goal:
    """That a prefix is announced, or that it is not."""

    prefix: Network
    advertised: bool
    generation: int
    """Of the lease of whoever acts: written beside the range, so that who comes later wins."""
    is_fenced: bool = True
    """Whether what a later generation announced is left alone; not where nothing will be sent."""
    edits_attachments: bool = False
    """Whether peers may be changed that Google manages for a Partner Interconnect."""

    @property
    def tag(self) -> str:
        """The description of a range of ours."""
        return f"fo:gen={self.generation}"


@dataclass(frozen=True, slots=True)
class Announced:
    """What one session announces, as it is told to."""

    groups: frozenset[str]
    ranges: frozenset[Network]


def change(router: Resource, goal: Goal) -> Resource:
    """The merge patch that reaches the goal; empty where it is reached.

    Raises ActionError where the change must not be made.
    """
    body: Resource = {}
    peers = router.get("bgpPeers", [])
    inherited = not peers or any(not _is_custom(peer) for peer in peers)
    if (inherited or not goal.advertised) and (lists := _changed(_bgp(router), goal)):
        body["bgp"] = lists
    edited = [_edited(peer, goal) for peer in peers]
    if edited != peers:
        body["bgpPeers"] = edited
    check_touches_only(goal.prefix, router, merged(router, body))
    return body


def announced(router: Resource) -> dict[str, Announced]:
    """By peer what it is told to announce; peers that are switched off are left out.

    A router without peers has its own list alone.
    """
    own = _announced(_bgp(router))
    each = {
        str(peer.get("name")): _announced(peer) if _is_custom(peer) else own
        for peer in router.get("bgpPeers", [])
        if not _is_off(peer)
    }
    return each or {_ROUTER: own}


def told(router: Resource, prefix: Network) -> bool | None:
    """Whether all sessions are told to announce it, or none; None: some are."""
    answers = {prefix in each.ranges for each in announced(router).values()}
    return answers.pop() if len(answers) == 1 else None


def seen(status: Resource, prefix: Network) -> dict[str, bool]:
    """By peer whose session is up, whether the prefix really is announced to it.

    `status` is the result of getRouterStatus, the only evidence that GCP has of that.
    """
    return {
        str(peer.get("name")): prefix
        in {network(route.get("destRange")) for route in peer.get("advertisedRoutes", [])}
        for peer in status.get("bgpPeerStatus", [])
        if peer.get("status") == "UP"
    }


def merged(target: Resource, patch: Resource) -> Resource:
    """The resource after a merge patch (RFC 7396, section 2)."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result


def check_touches_only(prefix: Network, before: Resource, after: Resource) -> None:
    """Raises ActionError if any session would announce more or less than the prefix asks for."""
    was, will = announced(before), announced(after)
    if was.keys() != will.keys():
        raise ActionError("the change would add or delete BGP peers, so it is not made")
    for session, old in was.items():
        new = will[session]
        changed = {str(one) for one in (old.ranges ^ new.ranges) - {prefix}}
        changed |= old.groups ^ new.groups
        if changed:
            what = ", ".join(sorted(changed))
            raise ActionError(
                f"the change would also change {what} on {session}, which is not ours to change"
            )


def network(text: object) -> Network:
    """A range as GCP writes it; raises ActionError, since what is not understood is not written."""
    try:
        return ip_network(str(text), strict=False)
    except ValueError:
        raise ActionError(f"GCP has a range {text!r} that cannot be understood") from None


def _changed(holder: Resource, goal: Goal) -> Resource | None:
    """The new lists of a router or of a peer; None where the goal is reached."""
    ranges = _ranges(holder)
    ours = [entry for entry in ranges if network(entry.get("range")) == goal.prefix]
    if bool(ours) is goal.advertised:
        return None
    for entry in ours:
        _check_generation(entry, goal)
    if goal.advertised:
        after = [*ranges, {"range": str(goal.prefix), "description": goal.tag}]
    else:
        after = [entry for entry in ranges if entry not in ours]
    if len(after) > MAX_RANGES:
        raise ActionError(
            f"{goal.prefix} would be the range number {len(after)}, and a session announces at "
            f"most {MAX_RANGES}: take others away first"
        )
    groups = holder.get("advertisedGroups", []) if _is_custom(holder) else [SUBNETS]
    return {"advertiseMode": "CUSTOM", "advertisedGroups": groups, "advertisedIpRanges": after}


def _edited(peer: Resource, goal: Goal) -> Resource:
    """A peer's whole entry, with its own lists changed if it has any."""
    if not _is_custom(peer) or (_is_off(peer) and goal.advertised):
        return peer
    lists = _changed(peer, goal)
    if lists is None:
        return peer
    if peer.get("managementType") == "MANAGED_BY_ATTACHMENT" and not goal.edits_attachments:
        raise ActionError(
            f"the peer {peer.get('name')} is managed by an interconnect attachment and has its own "
            "list of ranges: set its mode to DEFAULT, or allow that it is edited"
        )
    return {**peer, **lists}


def _check_generation(entry: Resource, goal: Goal) -> None:
    found = re.search(r"\bfo:(?:[^;]*;)*gen=(\d+)", entry.get("description") or "")
    if goal.is_fenced and found and int(found[1]) > goal.generation:
        raise ActionError(
            f"{goal.prefix} was announced by generation {found[1]}, and this is generation "
            f"{goal.generation}: another controller has taken over"
        )


def _bgp(router: Resource) -> Resource:
    bgp: Resource = router.get("bgp") or {}
    return bgp


def _is_custom(holder: Resource) -> bool:
    return holder.get("advertiseMode") == "CUSTOM"


def _is_off(peer: Resource) -> bool:
    return peer.get("enable") == "FALSE"


def _ranges(holder: Resource) -> list[Resource]:
    ranges: list[Resource] = holder.get("advertisedIpRanges") or []
    return ranges if _is_custom(holder) else []


def _announced(holder: Resource) -> Announced:
    groups = holder.get("advertisedGroups") or [] if _is_custom(holder) else [SUBNETS]
    ranges = frozenset(network(entry.get("range")) for entry in _ranges(holder))
    return Announced(frozenset(groups), ranges)
