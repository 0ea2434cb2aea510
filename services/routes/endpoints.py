"""HTTP handlers of the route queries."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from services.routes import parameters, query_parameters, rendering, repository
from services.routes.parameters import RouteKey
from services.routes.repository import PeerQuery, RouteQuery
from shared.contracts.envelope import Envelope, Meta
from shared.contracts.routes import PeerBody, RouteBody, RouterBody
from shared.db.errors import is_away, reason
from shared.web.problem import ProblemError
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

api = APIRouter(prefix="/api/v1", dependencies=[Depends(known_parameters_only)])

Limit = Annotated[int, Query(ge=1, le=1000, description="Items of one page")]
Cursor = Annotated[str | None, Query(description="`meta.next_cursor` of the page before")]


@asynccontextmanager
async def _reading(request: Request) -> AsyncIterator[AsyncConnection]:
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


@api.get("/routers", tags=["inventory"], summary="Routers that speak BMP to us")
async def list_routers(
    request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Envelope[list[RouterBody]]:
    """Every router ever seen, in the order of its id, with its state and its peers' count."""
    started = time.perf_counter()
    async with _reading(request) as conn:
        rows = await repository.routers(conn, after_id=_id_cursor(cursor), limit=limit + 1)
        as_of = await repository.data_as_of(conn)
    data = [rendering.router_body(row) for row in rows[:limit]]
    following = str(data[-1].id) if len(rows) > limit else None
    meta = _meta(started, len(data), {"limit": limit}, as_of, following)
    _link(request, response, meta)
    return Envelope(data=data, meta=meta)


@api.get("/routers/{router_id}", tags=["inventory"], summary="One router")
async def show_router(request: Request, router_id: int) -> Envelope[RouterBody]:
    """The router with this id."""
    started = time.perf_counter()
    async with _reading(request) as conn:
        rows = await repository.routers(conn, after_id=0, limit=1, router_id=_id(router_id))
        as_of = await repository.data_as_of(conn)
    if not rows:
        raise ProblemError(
            404, "not-found", f"no router has the id {router_id}; see /api/v1/routers"
        )
    return Envelope(data=rendering.router_body(rows[0]), meta=_meta(started, 1, {}, as_of))


@api.get("/peers", tags=["inventory"], summary="BGP peers of the routers")
async def list_peers(
    request: Request,
    response: Response,
    *,
    query: Annotated[PeerQuery, Depends(query_parameters.peer_query)],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Envelope[list[PeerBody]]:
    """Peers as their routers report them (RFC 7854 4.10), in the order of their ids."""
    started = time.perf_counter()
    async with _reading(request) as conn:
        rows = await repository.peers(conn, query, after_id=_id_cursor(cursor), limit=limit + 1)
        as_of = await repository.data_as_of(conn)
    now = datetime.now(UTC)
    data = [rendering.peer_body(row, now) for row in rows[:limit]]
    following = str(data[-1].id) if len(rows) > limit else None
    asked = query_parameters.as_asked(query) | {"limit": limit}
    meta = _meta(started, len(data), asked, as_of, following)
    _link(request, response, meta)
    return Envelope(data=data, meta=meta)


@api.get("/peers/{peer_id}", tags=["inventory"], summary="One peer")
async def show_peer(request: Request, peer_id: int) -> Envelope[PeerBody]:
    """The peer with this id."""
    started = time.perf_counter()
    async with _reading(request) as conn:
        rows = await repository.peers(conn, PeerQuery(peer_id=_id(peer_id)), after_id=-1, limit=1)
        as_of = await repository.data_as_of(conn)
    if not rows:
        raise ProblemError(404, "not-found", f"no peer has the id {peer_id}; see /api/v1/peers")
    data = rendering.peer_body(rows[0], datetime.now(UTC))
    return Envelope(data=data, meta=_meta(started, 1, {}, as_of))


@api.get("/routes", tags=["routes"], summary="Routes of the current RIB")
async def list_routes(
    request: Request,
    response: Response,
    *,
    query: Annotated[RouteQuery, Depends(query_parameters.route_query)],
    count: Annotated[
        Literal["none", "exact"], Query(description="`exact`: count all pages in `meta.total`")
    ] = "none",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Envelope[list[RouteBody]]:
    """Routes over all routers, peers and RIB views.

    A filter given more than once means any of its values; different filters must all hold.
    """
    started = time.perf_counter()
    after = parameters.read_cursor(cursor) if cursor is not None else None
    async with _reading(request) as conn:
        ribs = await repository.ribs_of(conn, query)
        rows = await repository.routes(conn, query, ribs, limit=limit + 1, after=after)
        total = await repository.count_routes(conn, query, ribs) if count == "exact" else None
        as_of = await repository.data_as_of(conn)
    now = datetime.now(UTC)
    page = rows[:limit]
    asked = query_parameters.as_asked(query) | {"limit": limit}
    meta = _meta(started, len(page), asked, as_of, _route_cursor(rows, limit))
    data = [rendering.route_body(row, ribs[row["rib_id"]], now) for row in page]
    meta.warnings = rendering.stale_warnings(data, ribs.values())
    meta.total = total
    _link(request, response, meta)
    return Envelope(data=data, meta=meta)


def _route_cursor(rows: Any, limit: int) -> str | None:  # noqa: ANN401 - rows of any columns
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return parameters.write_cursor(RouteKey(last["prefix"], last["rib_id"], last["path_id"]))


def _id(value: int) -> int:
    # Past int4 no id exists, and the database would refuse the comparison.
    return value if 0 <= value < 2**31 else -1


def _id_cursor(cursor: str | None) -> int:
    if cursor is None:
        return -1
    return parameters.read_number("cursor", cursor, 2**31 - 1)


def _meta(
    started: float,
    count: int,
    query: dict[str, Any],
    as_of: datetime | None,
    next_cursor: str | None = None,
) -> Meta:
    return Meta(
        query={name: value for name, value in query.items() if value not in (None, [])},
        count=count,
        next_cursor=next_cursor,
        truncated=next_cursor is not None,
        data_as_of=as_of,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
    )


def _link(request: Request, response: Response, meta: Meta) -> None:
    """RFC 8288: the next page, relative, so that it holds under any prefix of the gateway."""
    if meta.next_cursor is not None:
        query = request.url.include_query_params(cursor=meta.next_cursor).query
        response.headers["Link"] = f'<?{query}>; rel="next"'
