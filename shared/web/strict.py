"""Refuses parameters that an endpoint does not have: a typo must not widen the question."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotation

from shared.web.problem import parameter_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.dependencies.models import Dependant
    from fastapi.routing import APIRoute


async def known_parameters_only(request: Request) -> None:
    """A dependency for a whole `APIRouter`: 422 that names the stranger and the likely word.

    An endpoint has the parameters that FastAPI reads for it, and those that its `openapi_extra`
    describes, which it reads itself.
    """
    route: APIRoute = request.scope["route"]
    described = (route.openapi_extra or {}).get("parameters", ())
    known = {*_names(route.dependant), *(parameter["name"] for parameter in described)}
    for name in request.query_params:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise parameter_error(
                name,
                f"no such parameter here; there are {', '.join(sorted(known)) or 'none'}",
                *close,
            )


def _names(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        yield parameter.alias
    for below in dependant.dependencies:
        yield from _names(below)
