"""A GCP of our own: the calls of the Compute API that a failover is made of, and their faults.

`python -m tests.fakes.gcp` serves one with two sites on loopback; `--help` says what it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.cloud_logging import FakeCloudLogging
from tests.fakes.gcp_state import Change, Hook, Refused, Resource, Session, State, merge
from tests.fakes.trouble import Trouble, Troubled
from tests.fakes.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

PROJECT = "demo"
LOCAL, REMOTE = (PROJECT, "us-east1", "rt-east"), (PROJECT, "us-west1", "rt-west")
TOKEN = "fake-token"

_PROJECT = "/compute/v1/projects/{project}"
_ROUTER = _PROJECT + "/regions/{region}/routers/{router}"
_METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
_NEEDS = {
    "backend_services": "compute.backendServices.list",
    "health": "compute.backendServices.get",
    "router": "compute.routers.get",
    "router_status": "compute.routers.get",
    "patch": "compute.routers.update",
    "preview": "compute.routers.get",
    "operation": "compute.regionOperations.get",
    "operations": "compute.regionOperations.list",
}


class FakeGcp:
    """An ASGI app over a `State`; `trouble` is what happens on the way to it."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, hook: Hook | None = None
    ) -> None:
        self.state = State(clock, hook)
        self.denied: set[str] = set()
        """Permissions that the caller does not have."""
        self.tokens = {TOKEN}
        """What is accepted; the last that was given away is TOKEN."""
        self.per_minute: int | None = None
        """Requests that are taken in a minute; then all are 403 until the next."""
        self.page_size = 500
        self.logging = FakeCloudLogging()
        self.unreachable = False
        """Whether lists are partial."""
        self._minute, self._in_minute = -1, 0
        self._through = Troubled(self._app())
        self.troubles = self._through.troubles
        self.asked = self._through.asked
        self.arrive = self._through.arrive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._through(scope, receive, send)

    def _app(self) -> Starlette:
        service = "/backendServices/{service}/getHealth"
        routes = [
            Route(_METADATA, self._token),
            Route("/v1/projects/{project}:testIamPermissions", self._permissions, methods=["POST"]),
            self._route(_PROJECT + "/global/backendServices", self._backend_services),
            self._route(_PROJECT + "/regions/{region}/backendServices", self._backend_services),
            self._route(_PROJECT + "/global" + service, self._health, "POST"),
            self._route(_PROJECT + "/regions/{region}" + service, self._health, "POST"),
            self._route(_ROUTER, self._router),
            self._route(_ROUTER, self._patch, "PATCH"),
            self._route(_ROUTER + "/getRouterStatus", self._router_status),
            self._route(_ROUTER + "/preview", self._preview, "POST"),
            self._route(_PROJECT + "/regions/{region}/operations/{name}", self._operation),
            self._route(_PROJECT + "/regions/{region}/operations", self._operations),
            self.logging.route,
            Route("/control/announced", self._control_announced),
            Route("/control/health", self._control_health, methods=["PUT"]),
            Route("/control/session", self._control_session, methods=["PUT"]),
            Route("/control/troubles", self._control_troubles, methods=["PUT"]),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Who listens hears what is announced; operations end also while nobody asks for them."""

        async def settling() -> None:
            await self.state.begin()
            while True:
                await self.state.settle()
                await asyncio.sleep(0.02)

        task = asyncio.create_task(settling())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def _route(
        self, path: str, answer: Callable[[Request], Awaitable[Resource]], method: str = "GET"
    ) -> Route:
        permission = _NEEDS[answer.__name__.removeprefix("_")]

        async def endpoint(request: Request) -> Response:
            await self.state.settle()
            try:
                self._let_in(request, permission)
                return JSONResponse(await answer(request))
            except Refused as refused:
                return JSONResponse(refused.body, refused.status)

        return Route(path, endpoint, methods=[method])

    def _let_in(self, request: Request, permission: str) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise Refused(401, "authError", "Request had invalid authentication credentials.")
        if permission in self.denied:
            project = request.path_params["project"]
            raise Refused(
                403, "forbidden", f"Required '{permission}' permission for 'projects/{project}'"
            )
        self._count()

    def _count(self) -> None:
        minute = int(self.state.clock() // 60)
        self._in_minute = self._in_minute + 1 if minute == self._minute else 1
        self._minute = minute
        if self.per_minute is not None and self._in_minute > self.per_minute:
            raise Refused(
                403,
                "rateLimitExceeded",
                "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per "
                "minute' of service 'compute.googleapis.com'",
                domain="usageLimits",
            )

    # ---- the Compute API

    async def _backend_services(self, request: Request) -> Resource:
        place = (request.path_params["project"], request.path_params.get("region", "global"))
        everything = self.state.services.get(place, [])
        start = int(request.query_params.get("pageToken", "0"))
        page = everything[start : start + self.page_size]
        answer: Resource = {"kind": "compute#backendServiceList"}
        if page:
            answer["items"] = page
        if start + self.page_size < len(everything):
            answer["nextPageToken"] = str(start + self.page_size)
        if self.unreachable:
            answer["warning"] = {"code": "UNREACHABLE", "message": "Some resources are missing"}
        return answer

    async def _health(self, request: Request) -> Resource:
        group = (await request.json())["group"]
        answer: Resource = {"kind": "compute#backendServiceGroupHealth"}
        if found := self.state.health.get(group):
            answer["healthStatus"] = found
        return answer

    async def _router(self, request: Request) -> Resource:
        return self.state.router(_key(request)).resource

    async def _router_status(self, request: Request) -> Resource:
        return self.state.status(_key(request))

    async def _patch(self, request: Request) -> Resource:
        request_id = request.query_params.get("requestId", "")
        if request_id and not _is_usable(request_id):
            raise Refused(400, "invalid", f"Invalid value for field 'requestId': {request_id}")
        operation = self.state.patch(_key(request), await request.json(), request_id)
        return operation.as_resource()

    async def _preview(self, request: Request) -> Resource:
        router = self.state.router(_key(request)).resource
        return {"resource": merge(router, await request.json())}

    async def _operation(self, request: Request) -> Resource:
        name = request.path_params["name"]
        if name not in self.state.operations:
            raise Refused(404, "notFound", f"The resource 'operations/{name}' was not found")
        return self.state.operations[name].as_resource()

    async def _operations(self, request: Request) -> Resource:
        if request.query_params["orderBy"] != "creationTimestamp desc":
            raise Refused(400, "invalid", "Invalid value for field 'orderBy'")
        place = (request.path_params["project"], request.path_params["region"])
        found = [one for one in self.state.operations.values() if one.key[:2] == place]
        items = [one.as_resource() for one in reversed(found)]
        return {"items": items[: int(request.query_params["maxResults"])]} if items else {}

    # ---- beside it

    async def _token(self, request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google":
            return Response("Missing required header", 403)
        answer = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        return JSONResponse(answer)

    async def _permissions(self, request: Request) -> Response:
        asked = (await request.json())["permissions"]
        held = [permission for permission in asked if permission not in self.denied]
        return JSONResponse({"permissions": held} if held else {})

    async def _control_announced(self, _: Request) -> Response:
        routers = self.state.routers
        return JSONResponse({key[2]: sorted(one.announced) for key, one in routers.items()})

    async def _control_health(self, request: Request) -> Response:
        """By group; a region stands for the group that `two_sites` has there."""
        for name, states in (await request.json()).items():
            is_region = name in (LOCAL[1], REMOTE[1])
            self.state.set_health(group(PROJECT, name) if is_region else name, states)
        return Response(status_code=204)

    async def _control_session(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        key, name = tuple(body.pop("router")), body.pop("peer")
        await self.state.set_session(key, name, Session(**body))
        return Response(status_code=204)

    async def _control_troubles(self, request: Request) -> Response:
        names = {field.name for field in fields(Trouble)}
        asked: list[dict[str, Any]] = await request.json()
        if unknown := {name for one in asked for name in one} - names:
            return JSONResponse({"unknown": sorted(unknown)}, 422)
        self.troubles[:] = [Trouble(**one) for one in asked]
        return Response(status_code=204)


def two_sites(fake: FakeGcp, prefix: str = "203.0.113.0/24") -> None:
    """A router and a service with two healthy backends at each site; the local one announces."""
    announcing = {
        "asn": 64514,
        "advertiseMode": "CUSTOM",
        "advertisedGroups": ["ALL_SUBNETS"],
        "advertisedIpRanges": [{"range": prefix, "description": "fo:gen=0"}],
    }
    fake.state.add_router(LOCAL, {"bgp": announcing})
    fake.state.add_router(REMOTE)
    for project, region, _ in (LOCAL, REMOTE):
        groups = {group(project, region): ["HEALTHY", "HEALTHY"]}
        fake.state.add_service(project, region, "web", groups)


def group(project: str, region: str, name: str = "web-ig") -> str:
    """The URL of an instance group in the first zone of a region."""
    base = "https://www.googleapis.com/compute/v1"
    return f"{base}/projects/{project}/zones/{region}-b/instanceGroups/{name}"


def _key(request: Request) -> tuple[str, str, str]:
    path = request.path_params
    return path["project"], path["region"], path["router"]


def _is_usable(request_id: str) -> bool:
    try:
        return uuid.UUID(request_id).int != 0
    except ValueError:
        return False


@click.command()
@click.option("--port", default=8090, show_default=True)
@click.option("--prefix", default="203.0.113.0/24", show_default=True)
@click.option("--operation-seconds", default=1.0, show_default=True)
@click.option(
    "--pipe",
    "pipes",
    multiple=True,
    metavar="ROUTER=FILE",
    help="A named pipe of an ExaBGP that announces what the router (rt-east, rt-west) does.",
)
@click.option("--bmp", metavar="HOST:PORT", help="A station that a router upstream tells of it.")
@click.option("--bmp-from", default="127.0.0.2", show_default=True, help="That router's address.")
@click.option("--east", default="192.0.2.1", show_default=True, help="rt-east, as a BGP peer.")
@click.option("--west", default="192.0.2.2", show_default=True, help="rt-west, likewise.")
def main(
    *,
    port: int,
    prefix: str,
    operation_seconds: float,
    pipes: tuple[str, ...],
    bmp: str | None,
    bmp_from: str,
    east: str,
    west: str,
) -> None:
    """Serves a fake GCP: http://127.0.0.1:PORT/compute/v1, and tokens as a metadata server."""
    files = {name: Path(file) for name, file in (pipe.split("=", 1) for pipe in pipes)}
    upstream = None
    if bmp is not None:
        host, _, number = bmp.rpartition(":")
        upstream = Upstream((host, int(number)), bmp_from, {LOCAL[1]: east, REMOTE[1]: west})

    async def tell(change: Change) -> None:
        if file := files.get(change.router):
            verb = "announce" if change.announced else "withdraw"
            line = f"{verb} route {change.prefix} next-hop self\n"
            await asyncio.to_thread(file.write_text, line)
        if upstream is not None:
            await upstream.hear(change)

    fake = FakeGcp(hook=tell)
    two_sites(fake, prefix)
    fake.state.operation_seconds = operation_seconds
    asyncio.run(_serve(fake, port, upstream))


async def _serve(fake: FakeGcp, port: int, upstream: Upstream | None) -> None:
    config = uvicorn.Config(fake, host="127.0.0.1", port=port, log_level="warning")
    telling = asyncio.create_task(upstream.run()) if upstream is not None else None
    await uvicorn.Server(config).serve()
    if telling is not None:
        telling.cancel()


if __name__ == "__main__":
    main()
