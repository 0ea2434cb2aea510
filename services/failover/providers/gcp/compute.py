"""The calls of GCP's Compute API that a failover is made of, one method each.

They give what GCP gives, unjudged. Each raises CallError.
https://cloud.google.com/compute/docs/reference/rest/v1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode

from services.failover.acting.exchanges import Call
from services.failover.providers.faults import CallError, CallUnknownError, Fault
from services.failover.providers.gcp import shapes
from services.failover.providers.shapes import misfit

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.failover.providers.calling import Caller
    from services.failover.providers.shapes import Fields

BASE = "https://compute.googleapis.com/compute/v1"
GLOBAL = "global"
_MAX_PAGES = 100

Resource: TypeAlias = dict[str, Any]
"""An object of the API; unknown fields stay in it, since what is read is written again."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list call gives."""

    items: tuple[Resource, ...]
    missing: str | None
    """What GCP says is missing in it; None: nothing."""


@dataclass(frozen=True, slots=True)
class RouterName:
    """One Cloud Router."""

    project: str
    region: str
    router: str

    def __str__(self) -> str:
        return f"{self.router} in {self.region} of {self.project}"


class Compute:
    """The API. `caller` gives the caller of a region, `global` included."""

    def __init__(self, caller: Callable[[str], Caller], *, base: str = BASE) -> None:
        self._caller = caller
        self._base = base.rstrip("/")

    # ---- backends

    async def backend_services(self, project: str, region: str) -> Listing:
        """All backend services of a region, or the global ones; every page of them."""
        place = GLOBAL if region == GLOBAL else f"regions/{region}"
        path = f"projects/{project}/{place}/backendServices"
        items: list[Resource] = []
        missing: list[str] = []
        page = ""
        for _ in range(_MAX_PAGES):
            url = self._url(path, {"pageToken": page} if page else {})
            call = Call(f"backendServices.list in {region}", "GET", url)
            answer = await self._do(region, call, shapes.SERVICES)
            items += answer.get("items", [])
            if warning := answer.get("warning"):
                missing.append(str(warning.get("code", "a warning without a code")))
            page = answer.get("nextPageToken", "")
            if not page:
                break
        else:
            missing.append(f"more than {_MAX_PAGES} pages")
        return Listing(tuple(items), ", ".join(missing) or None)

    async def backend_health(self, project: str, region: str, service: str, group: str) -> Resource:
        """backendServices.getHealth of one group, which is named as the service names it."""
        place = GLOBAL if region == GLOBAL else f"regions/{region}"
        url = self._url(f"projects/{project}/{place}/backendServices/{quote(service)}/getHealth")
        what = f"backendServices.getHealth of {service}"
        return await self._do(region, Call(what, "POST", url, {"group": group}), shapes.HEALTH)

    # ---- routers

    async def router(self, name: RouterName) -> Resource:
        """routers.get."""
        call = Call(f"routers.get of {name.router}", "GET", self._router_url(name))
        return await self._do(name.region, call, shapes.ROUTER)

    async def router_status(self, name: RouterName) -> Resource:
        """The `result` of routers.getRouterStatus."""
        url = self._router_url(name, "/getRouterStatus")
        what = f"routers.getRouterStatus of {name.router}"
        answer = await self._do(name.region, Call(what, "GET", url), shapes.STATUS)
        result: Resource = answer["result"]
        return result

    def patching(self, name: RouterName, body: Resource, request_id: str) -> Call:
        """routers.patch as it would be sent."""
        url = self._router_url(name, "?" + urlencode({"requestId": request_id}))
        return Call(f"routers.patch of {name.router}", "PATCH", url, body, writes=True)

    async def patch(self, name: RouterName, body: Resource, request_id: str) -> Resource:
        """Sends it. The operation that it gives is accepted, and not yet done."""
        call = self.patching(name, body, request_id)
        return await self._do(name.region, call, shapes.OPERATION)

    def previewing(self, name: RouterName, router: Resource) -> Call:
        """routers.preview as it would be sent."""
        url = self._router_url(name, "/preview")
        return Call(f"routers.preview of {name.router}", "POST", url, router)

    async def preview(self, name: RouterName, router: Resource) -> Resource:
        """The router as it would be, by GCP's own word; nothing is changed."""
        call = self.previewing(name, router)
        answer = await self._do(name.region, call, shapes.PREVIEW)
        resource: Resource = answer["resource"]
        return resource

    async def operation(self, name: RouterName, operation: str) -> Resource:
        """regionOperations.get."""
        path = f"projects/{name.project}/regions/{name.region}/operations/{quote(operation)}"
        call = Call(f"regionOperations.get of {operation}", "GET", self._url(path))
        return await self._do(name.region, call, shapes.OPERATION)

    async def operations(self, name: RouterName) -> list[Resource]:
        """regionOperations.list: those on a router, of the last 500 in its region."""
        path = f"projects/{name.project}/regions/{name.region}/operations"
        query = {"orderBy": "creationTimestamp desc", "maxResults": "500"}
        call = Call(f"regionOperations.list of {name.router}", "GET", self._url(path, query))
        answer = await self._do(name.region, call, shapes.OPERATIONS)
        # The host in a link is GCP's to choose.
        end = f"/projects/{name.project}/regions/{name.region}/routers/{name.router}"
        return [one for one in answer.get("items", []) if str(one.get("targetLink")).endswith(end)]

    # ----

    def _router_url(self, name: RouterName, rest: str = "") -> str:
        path = f"projects/{name.project}/regions/{name.region}/routers/{quote(name.router)}"
        return self._url(path) + rest

    def _url(self, path: str, query: dict[str, str] | None = None) -> str:
        return f"{self._base}/{path}" + (f"?{urlencode(query)}" if query else "")

    async def _do(self, region: str, call: Call, shape: Fields) -> Resource:
        answer = await self._caller(region)(call)
        wrong = misfit(answer, shape)
        if wrong is None and isinstance(answer, dict):
            return answer
        kind = CallUnknownError if call.writes else CallError
        raise kind("GCP", call.what, Fault.NONSENSE, f"the answer makes no sense: {wrong}")
