"""What the gateway answers itself: the way in, the merged API description and its page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from gateway.openapi import merged
from shared.version import version

if TYPE_CHECKING:
    from gateway.specs import SpecBook
    from gateway.upstreams import Table

STATIC = Path(__file__).parent / "static"

# Relative, so that they hold behind a path prefix as well.
_LINKS = {"docs": "docs", "openapi": "openapi.json", "ready": "readyz", "version": "version"}


def endpoints(specs: SpecBook, table: Table) -> APIRouter:
    """`/`, `/docs` and `/openapi.json`."""
    api = APIRouter(include_in_schema=False)

    @api.get("/")
    async def index(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(_LINKS["docs"])
        return JSONResponse({"service": "bgpilot", "links": _LINKS})

    @api.get("/docs")
    async def docs() -> FileResponse:
        return FileResponse(STATIC / "docs.html")

    @api.get("/openapi.json")
    async def openapi() -> JSONResponse:
        document = merged(await specs.read(), table, version=version())
        return JSONResponse(document, headers={"Cache-Control": "no-cache"})

    return api
