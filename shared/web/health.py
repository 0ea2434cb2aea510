"""The endpoints that machines ask: is it alive, is it ready, how is it doing, which version."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.version import version

Check = Callable[[], Awaitable[Mapping[str, Any]]]
"""Says details when all is well, or raises NotReady.

A `status` among the details, such as `disabled`, stands in place of `ok`.
"""

Metrics = Callable[[], Awaitable[bytes]]
"""All figures in Prometheus's text format."""

CHECK_SECONDS = 3.0


class NotReady(Exception):
    """This part of the service cannot do its work now; the text says why."""

    def __init__(self, reason: str, **details: Any) -> None:  # noqa: ANN401 - JSON of any shape
        super().__init__(reason)
        self.details = details


async def own_metrics() -> bytes:
    """The figures of this process."""
    return generate_latest()


async def _runs() -> Mapping[str, Any]:
    return {}


def health_endpoints(
    service: str,
    checks: Mapping[str, Check],
    metrics: Metrics = own_metrics,
    alive: Check = _runs,
) -> APIRouter:
    """`/livez /readyz /healthz /metrics /version` for a service with these readiness checks.

    `alive` raises NotReady where only a restart helps; a process that answers is alive otherwise.
    """
    api = APIRouter(include_in_schema=False)

    @api.get("/livez")
    @api.get("/healthz")
    async def livez() -> JSONResponse:
        result = await _run(alive)
        return JSONResponse(result, 503 if result["status"] == "not ready" else 200)

    @api.get("/readyz")
    async def readyz() -> JSONResponse:
        names = list(checks)
        results = dict(
            zip(names, await asyncio.gather(*(_run(checks[name]) for name in names)), strict=True)
        )
        ready = all(result["status"] != "not ready" for result in results.values())
        body = {"status": "ok" if ready else "not ready", "service": service, "checks": results}
        return JSONResponse(body, 200 if ready else 503, headers={"Cache-Control": "no-store"})

    @api.get("/metrics")
    async def show_metrics() -> Response:
        return Response(await metrics(), media_type=CONTENT_TYPE_LATEST)

    @api.get("/version")
    async def show_version() -> dict[str, str]:
        return {"service": service, "version": version()}

    return api


async def _run(check: Check) -> dict[str, Any]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return {"status": "ok", **await check()}
    except NotReady as reason:
        return {"status": "not ready", "reason": str(reason), **reason.details}
    except TimeoutError:
        return {"status": "not ready", "reason": f"no answer within {CHECK_SECONDS:.0f} s"}
