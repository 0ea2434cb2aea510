"""A Cloudflare of our own: static routes of Magic Transit and the token, with their traps.

`python -m tests.fakes.cloudflare` serves one with a route to each of two sites on loopback, and
`/control/traffic`, `/control/tunnels`, `/control/troubles` and `/control/faults` beside it.
"""

from __future__ import annotations

import json
import socket
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Literal

import click
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.magic_transit import RouteTable
from tests.fakes.trouble import Trouble, Troubled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
TOKEN = "fake-token"
LIMIT, WINDOW, BLOCK = 1_200, timedelta(minutes=5), timedelta(minutes=5)


class Kind(Enum):
    """How Cloudflare itself does wrong; what happens on the way is a `Trouble`."""

    PARTIAL = "partial"
    """Of a bulk update only the first `rows` rows are applied; the answer says yes."""
    REFUSED = "refused"
    """`success: false` with status 200."""
    NULL = "null"
    """`success: true`, and `result: null`."""


@dataclass
class Fault:
    """What happens to the next `times` reads or writes."""

    kind: Kind
    on: Literal["read", "write"] = "write"
    times: int = 1
    rows: int = 0
    code: int = 10_000
    message: str = "internal error"

    def __post_init__(self) -> None:
        self.kind = Kind(self.kind)


@dataclass
class Token:
    """An API token: whose it is, and what it may do."""

    value: str = TOKEN
    owner: Literal["account", "user"] = "account"
    status: str = "active"
    expires_on: str | None = None
    may: frozenset[str] = frozenset({"read", "write"})


@dataclass(frozen=True)
class Sent:
    """A request that arrived."""

    method: str
    path: str
    query: str
    body: bytes


class Refused(Exception):
    """An answer that is a no."""

    def __init__(self, status: int, code: int, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.errors = [
            {
                "code": code,
                "message": message,
                "documentation_url": "",
                "source": {"pointer": pointer},
            }
        ]


@dataclass
class FakeCloudflare(RouteTable):
    """The state. Tests set it as they like; the API changes it as Cloudflare would."""

    account: str = ACCOUNT
    token: Token = field(default_factory=Token)
    has_magic_transit: bool = True
    shows_penalties: bool = False
    """Whether priorities are listed with the penalties of tunnels."""
    faults: list[Fault] = field(default_factory=list)
    requests: list[Sent] = field(default_factory=list)
    blocks: int = 0
    """How often there was one call too many."""

    def __post_init__(self) -> None:
        self._calls: deque[datetime] = deque()
        self._blocked_until: datetime | None = None
        self._through = Troubled(self._app())
        self.troubles = self._through.troubles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._through(scope, receive, send)

    def _app(self) -> Starlette:
        api = f"/client/v4/accounts/{self.account}"
        both = ["GET", "PUT", "DELETE"]
        return Starlette(
            routes=[
                Route(f"{api}/magic/routes", self._answer(self._all), methods=both),
                Route(f"{api}/magic/routes/{{id}}", self._answer(self._one), methods=both),
                Route(f"{api}/tokens/verify", self._answer(self._verify_account)),
                Route("/client/v4/user/tokens/verify", self._answer(self._verify_user)),
                Route("/control/traffic", self._control_traffic),
                Route("/control/tunnels", self._control_tunnels, methods=["PUT"]),
                Route("/control/troubles", self._control_troubles, methods=["PUT"]),
                Route("/control/faults", self._control_faults, methods=["PUT"]),
            ]
        )

    # ---- what is before every answer

    def _answer(self, handler: Callable[..., Any]) -> Callable[..., Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body = await request.body()
            sent = Sent(request.method, request.url.path, request.url.query, body)
            self.requests.append(sent)
            writes = request.method != "GET" and "validate_only=true" not in sent.query
            return self._respond(handler, request, sent, self._next_fault(writes))

        return answer

    def _next_fault(self, writes: bool) -> Fault | None:
        on = "write" if writes else "read"
        for fault in self.faults:
            if fault.on == on and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _respond(
        self, handler: Callable[..., Any], request: Request, sent: Sent, fault: Fault | None
    ) -> Response:
        headers = {"cf-ray": f"{len(self.requests):016x}-FRA", **self._limited()}
        try:
            if "retry-after" in headers:
                raise Refused(429, 971, "Please wait and consider throttling your request speed")
            self._authorize(request)
            if fault is not None and fault.kind is Kind.REFUSED:
                raise Refused(200, fault.code, fault.message)
            result = handler(request, sent, fault)
        except Refused as no:
            envelope = {"success": False, "errors": no.errors, "messages": [], "result": None}
            return JSONResponse(envelope, no.status, headers)
        if fault is not None and fault.kind is Kind.NULL:
            result = None
        envelope = {"success": True, "errors": [], "messages": [], "result": result}
        return JSONResponse(envelope, headers=headers)

    def _limited(self) -> dict[str, str]:
        """Counts the call; the headers have `retry-after` where it is one too many."""
        now = self.now()
        while self._calls and self._calls[0] <= now - WINDOW:
            self._calls.popleft()
        if self._blocked_until is None or self._blocked_until <= now:
            self._blocked_until = None
            self._calls.append(now)
            if len(self._calls) > LIMIT:
                self._blocked_until = now + BLOCK
                self.blocks += 1
        left = max(0, LIMIT - len(self._calls))
        reset = int((self._calls[0] + WINDOW - now).total_seconds()) if self._calls else 0
        headers = {
            "Ratelimit": f'"default";r={left};t={reset}',
            "Ratelimit-Policy": f'"default";q={LIMIT};w={int(WINDOW.total_seconds())}',
        }
        if self._blocked_until is not None:
            headers["retry-after"] = str(int((self._blocked_until - now).total_seconds()))
        return headers

    def _authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.token.value}":
            raise Refused(401, 1000, "Invalid API Token")
        if "/tokens/verify" in request.url.path:
            return
        if ("read" if request.method == "GET" else "write") not in self.token.may:
            raise Refused(403, 10_000, "Authentication error")
        if not self.has_magic_transit:
            raise Refused(400, 1012, "account is not onboarded to Magic Transit")

    # ---- the API

    def _all(self, request: Request, sent: Sent, fault: Fault | None) -> dict[str, Any]:
        if sent.method == "GET":
            return {"routes": [self._shown(route) for route in self.routes.values()]}
        if sent.method == "DELETE":  # without an id: all of them
            gone = list(self.routes.values())
            self.clear(list(self.routes))
            return {"deleted": True, "deleted_routes": gone}
        rows = json.loads(sent.body).get("routes", [])
        for index, row in enumerate(rows):
            self._check(row, index)
        if request.query_params.get("validate_only") == "true":
            return {"modified": False, "modified_routes": []}
        partial = fault is not None and fault.kind is Kind.PARTIAL
        written = self.write(rows[: fault.rows] if fault is not None and partial else rows)
        return {"modified": True, "modified_routes": written}

    def _one(self, request: Request, sent: Sent, fault: Fault | None) -> dict[str, Any]:
        identifier = request.path_params["id"]
        if identifier not in self.routes:
            raise Refused(404, 1003, "route not found")
        if sent.method == "GET":
            return {"route": self._shown(self.routes[identifier])}
        if sent.method == "DELETE":
            gone = self.routes[identifier]
            self.clear([identifier])
            return {"deleted": True, "deleted_route": gone}
        row = {**json.loads(sent.body), "id": identifier}
        self._check(row, 0)
        return {"modified": True, "modified_route": self.write([row])[0]}

    def _verify_account(self, request: Request, sent: Sent, fault: Fault | None) -> dict[str, Any]:
        return self._verify("account")

    def _verify_user(self, request: Request, sent: Sent, fault: Fault | None) -> dict[str, Any]:
        return self._verify("user")

    def _verify(self, owner: str) -> dict[str, Any]:
        if self.token.owner != owner:
            raise Refused(401, 1000, "Invalid API Token")
        expires = {"expires_on": self.token.expires_on} if self.token.expires_on else {}
        return {"id": "ed17574386854bf78a67040be0a770b0", "status": self.token.status, **expires}

    def _check(self, row: dict[str, Any], index: int) -> None:
        at = f"/routes/{index}"
        for name in ("id", "prefix", "nexthop", "priority"):
            if not row.get(name):
                raise Refused(400, 1001, f"{name} is required", f"{at}/{name}")
        if row["id"] not in self.routes:
            raise Refused(400, 1003, "route not found", f"{at}/id")
        if not 0 < row["priority"] < 2**31:
            raise Refused(400, 1002, "priority is out of range", f"{at}/priority")
        if not 0 < (row.get("weight") or 1) <= 256:
            raise Refused(400, 1002, "weight is out of range", f"{at}/weight")
        ip_network(row["prefix"])

    def _shown(self, route: dict[str, Any]) -> dict[str, Any]:
        priority = self.effective(route) if self.shows_penalties else route["priority"]
        return {**route, "priority": priority}

    # ---- beside it

    async def _control_traffic(self, _: Request) -> Response:
        return JSONResponse(self.all_traffic())

    async def _control_tunnels(self, request: Request) -> Response:
        self.tunnels = await request.json()
        return Response(status_code=204)

    async def _control_troubles(self, request: Request) -> Response:
        self.troubles[:] = [Trouble(**one) for one in await request.json()]
        return Response(status_code=204)

    async def _control_faults(self, request: Request) -> Response:
        self.faults[:] = [Fault(**one) for one in await request.json()]
        return Response(status_code=204)


def two_sites(
    fake: FakeCloudflare,
    prefix: str = "203.0.113.0/24",
    local: str = "10.0.0.1",
    remote: str = "10.0.1.1",
) -> None:
    """A route to each of two sites; the local one is preferred."""
    fake.add(prefix, local, 100, description="edge-primary")
    fake.add(prefix, remote, 200, description="edge-secondary")


@click.command(epilog=f"The account is {ACCOUNT}, and the token {TOKEN}.")
@click.option("--port", default=8091, show_default=True, help="0: a free one.")
@click.option("--prefix", default="203.0.113.0/24", show_default=True)
@click.option("--local", default="10.0.0.1", show_default=True, help="Next hop to the local site.")
@click.option("--remote", default="10.0.1.1", show_default=True, help="And to the remote one.")
def main(port: int, prefix: str, local: str, remote: str) -> None:
    """Serves a fake Cloudflare, and prints where: its API is at /client/v4."""
    fake = FakeCloudflare()
    two_sites(fake, prefix, local, remote)
    config = uvicorn.Config(fake, timeout_graceful_shutdown=1, log_level="warning")
    with socket.create_server(("127.0.0.1", port)) as listener:
        click.echo(f"http://127.0.0.1:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
