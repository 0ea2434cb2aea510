"""The database, for one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from shared.db.errors import is_away, reason
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from fastapi import Request
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@asynccontextmanager
async def reading(request: Request) -> AsyncIterator[AsyncConnection]:
    """A connection for one request's reads; a database that is away is a 503 that says so."""
    engine: AsyncEngine = request.app.state.engine
    try:
        async with engine.connect() as conn:
            yield conn
    except ProblemError:
        raise
    except Exception as error:
        if not is_away(error):
            raise
        raise ProblemError(
            503,
            "database-unavailable",
            f"the database cannot answer now: {reason(error)}; try again in a few seconds",
            headers={"Retry-After": "5"},
        ) from error
