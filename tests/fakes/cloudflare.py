"""Cloudflare's API as far as Magic Transit's static routes go, with its traps and its faults.

In a test: `httpx.ASGITransport(fake.app)`. As a server on loopback, with two routes for one
prefix: `python -m tests.fakes.cloudflare --port 8090`; `/_fake/traffic` says who gets traffic,
`PUT /_fake/tunnels {"10.0.0.1": "down"}` and `POST /_fake/faults {"kind": "partial", "rows": 1}`
make trouble.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.magic_transit import RouteTable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.requests import Request

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
TOKEN = "a-token-of-the-account"
LIMIT, WINDOW, BLOCK = 1_200, timedelta(minutes=5), timedelta(minutes=5)


class Kind(Enum):
    """How a request goes wrong."""

    LOST_REQUEST = "lost_request"
    """It never arrives: no effect, no answer."""
    LOST_ANSWER = "lost_answer"
    """It has its effect, and no answer comes."""
    PARTIAL = "partial"
    """Of a bulk update only the first `rows` rows are applied; the answer says yes."""
    REFUSED = "refused"
    """`success: false` with status 200."""
    STATUS = "status"
    """A status of its own, without effect."""
    NULL = "null"
    """`success: true`, and `result: null`."""


@dataclass
class Fault:
    """What happens to the next `times` reads or writes."""

    kind: Kind
    on: Literal["read", "write"] = "write"
    times: int = 1
    rows: int = 0
    status: int = 503
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
class CloudflareFake(RouteTable):
    """The state. Tests set it as they like; the API changes it as Cloudflare would."""

    account: str = ACCOUNT
    token: Token = field(default_factory=Token)
    has_magic_transit: bool = True
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    latency_seconds: float = 0.0
    loss: float = 0.0
    """The share of requests that are lost: half on the way there, half on the way back."""
    shows_penalties: bool = False
    """Whether priorities are listed with the penalties of tunnels."""
    dice: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - repeatable
    faults: list[Fault] = field(default_factory=list)
    requests: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._calls: deque[datetime] = deque()
        self._blocked_until: datetime | None = None

    @property
    def app(self) -> Starlette:
        """The API, and the way to make trouble."""
        api = f"/client/v4/accounts/{self.account}"
        both = ["GET", "PUT", "DELETE"]
        return Starlette(
            routes=[
                Route(f"{api}/magic/routes", self._answer(self._all), methods=both),
                Route(f"{api}/magic/routes/{{id}}", self._answer(self._one), methods=both),
                Route(f"{api}/tokens/verify", self._answer(self._verify_account)),
                Route("/client/v4/user/tokens/verify", self._answer(self._verify_user)),
                Route("/_fake/traffic", self._tell),
                Route("/_fake/tunnels", self._set_tunnels, methods=["PUT"]),
                Route("/_fake/faults", self._add_fault, methods=["POST"]),
            ]
        )

    # ---- what is before every answer

    def _answer(self, handler: Callable[..., Any]) -> Callable[..., Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body = await request.body()
            sent = Sent(request.method, request.url.path, request.url.query, body)
            self.requests.append(sent)
            if self.latency_seconds:
                await self.sleep(self.latency_seconds)
            writes = request.method != "GET" and "validate_only=true" not in sent.query
            fault = self._next_fault(writes)
            if fault is not None and fault.kind is Kind.LOST_REQUEST:
                await asyncio.Event().wait()
            response = self._respond(handler, request, sent, fault)
            if fault is not None and fault.kind is Kind.LOST_ANSWER:
                await asyncio.Event().wait()
            return response

        return answer

    def _next_fault(self, writes: bool) -> Fault | None:
        on = "write" if writes else "read"
        for fault in self.faults:
            if fault.on == on and fault.times > 0:
                fault.times -= 1
                return fault
        if self.loss and self.dice.random() < self.loss:
            return Fault(self.dice.choice([Kind.LOST_REQUEST, Kind.LOST_ANSWER]))
        return None

    def _respond(
        self, handler: Callable[..., Any], request: Request, sent: Sent, fault: Fault | None
    ) -> Response:
        headers = {"cf-ray": f"{len(self.requests):016x}-FRA", **self._limited()}
        try:
            if "retry-after" in headers:
                raise Refused(429, 971, "Please wait and consider throttling your request speed")
            self._authorize(request)
            if fault is not None and fault.kind in (Kind.STATUS, Kind.REFUSED):
                status = 200 if fault.kind is Kind.REFUSED else fault.status
                raise Refused(status, fault.code, fault.message)
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

    # ---- the way to make trouble

    async def _tell(self, _: Request) -> Response:
        return JSONResponse(self.all_traffic())

    async def _set_tunnels(self, request: Request) -> Response:
        self.tunnels = await request.json()
        return JSONResponse(self.all_traffic())

    async def _add_fault(self, request: Request) -> Response:
        self.faults.append(Fault(**await request.json()))
        return Response(status_code=204)


def main() -> None:
    """Serves one prefix with a route to each of two sites."""
    options = argparse.ArgumentParser(prog="python -m tests.fakes.cloudflare")
    options.add_argument("--port", type=int, default=8090, help="0: a free one, which it prints")
    options.add_argument("--prefix", default="203.0.113.0/24")
    options.add_argument("--local", default="10.0.0.1", help="next hop to the local site")
    options.add_argument("--remote", default="10.0.1.1", help="next hop to the remote site")
    options.add_argument("--token", default=TOKEN)
    chosen = options.parse_args()
    fake = CloudflareFake(token=Token(chosen.token))
    fake.add(chosen.prefix, chosen.local, 100, description="edge-primary")
    fake.add(chosen.prefix, chosen.remote, 200, description="edge-secondary")
    config = uvicorn.Config(fake.app, timeout_graceful_shutdown=1, log_level="warning")
    with socket.create_server(("127.0.0.1", chosen.port)) as listener:
        sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
