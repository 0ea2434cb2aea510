"""The database, for one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.routes import metrics
from shared.db.errors import is_away, is_timeout, reason
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from fastapi import Request
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_NARROW = (
    "this question takes longer than a query may (ROUTES_STATEMENT_SECONDS); narrow it: name a "
    "prefix, a peer or a router, a family, or a shorter time, or leave out count=exact"
)


@asynccontextmanager
async def reading(request: Request, *, lookup: bool = False) -> AsyncIterator[AsyncConnection]:
    """A connection for one request's reads.

    A `lookup` has another, whose statements are planned once.

    A database that is away is a 503 that says so, a question that takes too long a 504.
    """
    state = request.app.state
    engine: AsyncEngine = state.lookups if lookup else state.engine
    try:
        async with engine.connect() as conn:
            yield conn
    except ProblemError:
        raise
    except Exception as error:
        if is_timeout(error):
            metrics.TIMEOUTS.inc()
            raise ProblemError(504, "query-timeout", _NARROW) from error
        if not is_away(error):
            raise
        raise ProblemError(
            503,
            "database-unavailable",
            f"the database cannot answer now: {reason(error)}; try again in a few seconds",
            headers={"Retry-After": "5"},
        ) from error
