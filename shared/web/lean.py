"""Routes with very many parameters, of which a request has few.

FastAPI looks for each parameter that there could be, and copies the default of each that is not
there. Where there could be thirty, that takes a third of all that is done for an answer.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fastapi.params import Param
from fastapi.routing import APIRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response
    from fastapi._compat import ModelField
    from fastapi.dependencies.models import Dependant

    Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_COMBINATIONS = 256
"""Sets of names that are remembered with what reads them."""


class LeanRoute(APIRoute):
    """Reads what a request has; all else is left to the defaults of Python's own."""

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler, of a route that has these parameters alone."""

        @lru_cache(maxsize=_COMBINATIONS)
        def handler(names: frozenset[str]) -> Handler:
            lean = copy.copy(self)
            lean.dependant = _with(names, self.dependant)
            return APIRoute.get_route_handler(lean)

        async def handle(request: Request) -> Response:
            return await handler(frozenset(request.query_params))(request)

        return handle


def _with(names: frozenset[str], dependant: Dependant) -> Dependant:
    """The same with the parameters of these names, and those whose default FastAPI makes."""
    defaults = _defaults(dependant.call) if dependant.call is not None else {}

    def is_read(parameter: ModelField) -> bool:
        return parameter.alias in names or parameter.name not in defaults

    return replace(
        dependant,
        query_params=[one for one in dependant.query_params if is_read(one)],
        dependencies=[_with(names, one) for one in dependant.dependencies],
    )


def _defaults(call: Callable[..., Any]) -> set[str]:
    """The parameters that may be left out of a call."""
    parameters = inspect.signature(call).parameters
    return {
        name
        for name, one in parameters.items()
        if one.default is not inspect.Parameter.empty and not isinstance(one.default, Param)
    }
