"""Errors over HTTP as RFC 9457 problem documents, the same from every service and the gateway."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.contracts.problem import MEDIA_TYPE, ParameterFault, Problem
from shared.errors import BgpilotError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

log = structlog.get_logger(__name__)

_TYPES = "urn:bgpilot:problem:"


class ProblemError(BgpilotError):
    """Raised anywhere below an endpoint to answer with a problem document."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: list[ParameterFault] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = errors or []
        self.headers = dict(headers or {})


def parameter_error(parameter: str, detail: str, suggestion: str | None = None) -> ProblemError:
    """A 422 that names the parameter and, where one exists, the corrected value."""
    fault = ParameterFault(parameter=parameter, detail=detail, suggestion=suggestion)
    return ProblemError(422, "invalid-parameter", f"{parameter}: {detail}", errors=[fault])


def install(app: FastAPI) -> None:
    """Answers every error of this app with a problem document."""

    @app.exception_handler(ProblemError)
    async def on_problem(request: HTTPConnection, error: ProblemError) -> Response:
        return response(request, error)

    @app.exception_handler(HTTPException)
    async def on_http(request: HTTPConnection, error: HTTPException) -> Response:
        kind = http.HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        detail = _http_detail(request, error)
        return response(
            request, ProblemError(error.status_code, kind, detail, headers=error.headers)
        )

    @app.exception_handler(RequestValidationError)
    async def on_validation(request: HTTPConnection, error: RequestValidationError) -> Response:
        faults = [_fault(item) for item in error.errors()]
        detail = "; ".join(f"{fault.parameter}: {fault.detail}" for fault in faults)
        return response(request, ProblemError(422, "invalid-parameter", detail, errors=faults))


def crash(request: HTTPConnection, error: Exception) -> Response:
    """What a client is told of an error that nobody expected; the log is told all of it."""
    log.error("request failed", path=request.scope["path"], exc_info=error)
    detail = "an unexpected error; the log line with this request id says more"
    return response(request, ProblemError(500, "internal-error", detail))


def response(request: HTTPConnection, error: ProblemError) -> Response:
    """The problem document for one request."""
    problem = Problem(
        type=_TYPES + error.kind,
        title=http.HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.detail,
        instance=request.scope["path"],
        request_id=request.scope.get("request_id"),
        errors=error.errors,
    )
    return JSONResponse(
        problem.model_dump(), error.status, headers=error.headers, media_type=MEDIA_TYPE
    )


def _http_detail(request: HTTPConnection, error: HTTPException) -> str:
    if error.status_code == http.HTTPStatus.NOT_FOUND:
        return f"nothing is served at {request.scope['path']}; /docs lists what is"
    return str(error.detail)


def _fault(item: Mapping[str, Any]) -> ParameterFault:
    where = [str(part) for part in item["loc"] if part not in {"query", "path", "body", "header"}]
    return ParameterFault(parameter=".".join(where) or "body", detail=str(item["msg"]))
