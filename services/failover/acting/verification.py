"""Whether the routes moved, by what routers tell us over BMP.

Only an answer that is newer than the change says anything of it. It is so where something was
committed since, or where nothing is on its way to the store; what is stale, late or cannot be had
is neither a yes nor a no.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.failover.acting.actuator import ActionError, Done, NotDone
from services.failover.policy.model import StepKind
from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from services.failover.policy.model import Site, Step
    from shared.clients.routes import RoutesClient
    from shared.contracts.envelope import Envelope
    from shared.contracts.routes import RouteBody

    Selector = Sequence[tuple[str, str]]

_MOST = 1_000
_ORIGINS = ("igp", "egp", "incomplete")
_DEFAULT_LOCAL_PREF = 100


def from_peers(addresses: Iterable[str]) -> Selector:
    """Routes of BGP peers, by their addresses: those of a site's routers, as upstream has them."""
    return tuple(("peer", address) for address in addresses)


class BmpConfirmation:
    """Implements `Confirmation` by the routes service.

    `selectors` say which routes come from a site, as parameters of `GET /api/v1/routes` that only
    those have: `peer`, `router`, `next_hop`, `peer_asn`, `origin_asn`, `community`, `rib`.
    """

    def __init__(
        self,
        routes: RoutesClient,
        *,
        prefixes: Mapping[Site, str],
        selectors: Mapping[Site, Selector],
    ) -> None:
        self._routes = routes
        self._prefixes = prefixes
        self._selectors = selectors

    async def confirm(self, step: Step, *, since: datetime) -> Done | NotDone:
        """See `Confirmation`."""
        try:
            new, as_of = await self._fresh(step.site, since)
            active = [route for route in new if route.state == "active"]
            evidence = {"data_as_of": as_of, "routes": [_told(route) for route in active]}
            if not active:
                return self._not_seen(step.site, new, evidence)
            if step.kind is StepKind.CONFIRM_SEEN:
                return Done(evidence)
            old, _ = await self._fresh(step.site.other, since)
        except UserError as error:
            raise ActionError(f"BMP cannot be asked: {error}") from error
        if not old and _was_never_there(step):
            return Done({**evidence, "old": "not announced before"})
        return self._moved(step.site.other, active, old, evidence)

    def _not_seen(
        self, site: Site, routes: Sequence[RouteBody], evidence: Mapping[str, object]
    ) -> NotDone:
        if any(route.state == "stale" for route in routes):
            raise ActionError(
                f"the routers that would see {self._prefixes[site]} from the {site.value} site "
                "are not connected: what they said last is stale"
            )
        return NotDone(
            f"BMP shows no active route to {self._prefixes[site]} from the {site.value} site",
            evidence,
        )

    def _moved(
        self,
        site: Site,
        new: Sequence[RouteBody],
        old: Sequence[RouteBody],
        evidence: Mapping[str, object],
    ) -> Done | NotDone:
        prefix = self._prefixes[site]
        if not old:
            raise ActionError(
                f"BMP never showed {prefix} from the {site.value} site: is it known by the right "
                "peers?"
            )
        if any(route.state == "stale" for route in old):
            raise ActionError(
                f"a router that saw {prefix} from the {site.value} site is not connected: whether "
                "it is gone is not known"
            )
        there = [route for route in old if route.state == "active"]
        said = {**evidence, "old": "less preferred" if there else "gone"}
        if all(_is_beaten(route, new) for route in there):
            return Done(said)
        return NotDone(
            f"BMP still shows {prefix} from the {site.value} site, and not less preferred",
            {**evidence, "old": [_told(route) for route in there]},
        )

    async def _fresh(self, site: Site, since: datetime) -> tuple[list[RouteBody], datetime | None]:
        answer = await self._ask(site)
        if answer.meta.data_as_of is not None and answer.meta.data_as_of > since:
            return answer.data, answer.meta.data_as_of
        # Routers that have nothing to say commit nothing: then it is enough that none of it waits.
        if (why := await self._why_late()) is not None:
            raise ActionError(
                f"what BMP shows is of {answer.meta.data_as_of or 'no time'}, before the change "
                f"at {since}, and {why}"
            )
        answer = await self._ask(site)
        return answer.data, answer.meta.data_as_of

    async def _why_late(self) -> str | None:
        """Why there may be more to know than the store has; None: there is not."""
        stats = (await self._routes.stats()).data
        if stats.stops_at is not None:
            hop = next(one for one in stats.hops if one.name == stats.stops_at)
            return f"the way to the store is not open: {hop.says}"
        waiting = sum(part.stats.pending_routes for part in stats.ingest if part.stats)
        return f"{waiting} routes wait to be stored" if waiting else None

    async def _ask(self, site: Site) -> Envelope[list[RouteBody]]:
        selector = self._selectors[site]
        if not selector:
            raise ActionError(
                f"nothing says how BMP knows the {site.value} site: set its peers "
                "(FAILOVER_LOCAL_PEERS, FAILOVER_REMOTE_PEERS)"
            )
        asked = [("prefix", self._prefixes[site]), ("match", "exact"), ("state", "all"), *selector]
        return await self._routes.routes(asked, _MOST)


def _was_never_there(step: Step) -> bool:
    """Whether the old site did not announce when the plan was made, so that nothing had to go."""
    change = step.diff.get("withdrawn")
    return isinstance(change, dict) and change.get("before") is False


def _is_beaten(route: RouteBody, others: Sequence[RouteBody]) -> bool:
    """Whether the same router has a better one in the same view (RFC 4271 9.1.1, 9.1.2.2)."""
    return any(
        _degree(other, route) < _degree(route, other)
        for other in others
        if (other.router_id, other.rib) == (route.router_id, route.rib)
    )


def _degree(route: RouteBody, other: RouteBody) -> tuple[int, ...]:
    """The less the better."""
    preferred = _DEFAULT_LOCAL_PREF if route.local_pref is None else route.local_pref
    origin = _ORIGINS.index(route.origin) if route.origin in _ORIGINS else len(_ORIGINS)
    # RFC 4271 9.1.2.2 (c): MEDs say something only of routes from the same neighbouring AS.
    is_comparable = route.as_path[:1] == other.as_path[:1]
    return (-preferred, len(route.as_path), origin, (route.med or 0) if is_comparable else 0)


def _told(route: RouteBody) -> dict[str, Any]:
    wanted = {"router", "rib", "next_hop", "as_path_str", "med", "local_pref", "last_updated"}
    return route.model_dump(mode="json", include=wanted) | {"peer": route.peer.address}
