"""A Cloud Logging of our own: it keeps each entry once, by its insertId."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.trouble import Troubled

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

TOKEN = "fake-token"
MOST = 1_000


class FakeCloudLogging:
    """An ASGI app; `troubles` is what happens on the way to it."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        """By insertId, in the order in which they came."""
        self.writes: list[int] = []
        """How many entries each request had."""
        self.is_allowed = True
        self._through = Troubled(Starlette(routes=[self.route]))
        self.troubles = self._through.troubles

    @property
    def route(self) -> Route:
        """What it serves, for an app that stands for all of GCP."""
        return Route("/v2/entries:write", self._write, methods=["POST"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._through(scope, receive, send)

    async def _write(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refused(401, "UNAUTHENTICATED", "Request had invalid credentials.")
        if not self.is_allowed:
            return _refused(403, "PERMISSION_DENIED", "Permission 'logging.logEntries.create'")
        body = await request.json()
        entries = body["entries"]
        if len(entries) > MOST or not all(
            entry.get("severity") and isinstance(entry.get("jsonPayload"), dict)
            for entry in entries
        ):
            return _refused(400, "INVALID_ARGUMENT", "Log entries are not valid.")
        if not body.get("dryRun"):
            self.writes.append(len(entries))
            for entry in entries:
                self.entries.setdefault(entry["insertId"], {**entry, "logName": body["logName"]})
        return JSONResponse({})


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": status, "status": code, "message": message}}, status)
