"""The skeleton that every HTTP app of bgpilot stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware import Middleware

from shared.version import version
from shared.web import problem
from shared.web.described import describe_problems
from shared.web.health import Check, Metrics, health_endpoints, own_metrics
from shared.web.requests import RequestMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import APIRouter
    from starlette.types import Lifespan

__all__ = ["MAX_BODY_BYTES", "create_service"]

MAX_BODY_BYTES = 1_000_000


def create_service(
    name: str,
    *,
    description: str,
    lifespan: Lifespan[FastAPI],
    endpoints: Sequence[APIRouter],
    checks: Mapping[str, Check],
    metrics: Metrics = own_metrics,
    alive: Check | None = None,
    middleware: Sequence[Middleware] = (),
    openapi_url: str | None = "/openapi.json",
    max_body_bytes: int | None = MAX_BODY_BYTES,
) -> FastAPI:
    """An inert app: nothing is opened before its lifespan runs.

    It has the health endpoints, metrics, problem documents, request ids and a body limit. The
    docs page is the gateway's alone; a service has only its `/openapi.json`. What `middleware`
    answers has its request id and its log line like everything else.
    """
    app = FastAPI(
        title=f"bgpilot {name}",
        description=description,
        version=version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=openapi_url,
        max_body_size=max_body_bytes,
        middleware=[Middleware(RequestMiddleware), *middleware],
    )
    problem.install(app)
    liveness = {} if alive is None else {"alive": alive}
    app.include_router(health_endpoints(name, checks, metrics, **liveness))
    for router in endpoints:
        app.include_router(router)
    describe_problems(app)
    return app
