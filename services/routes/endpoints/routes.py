"""HTTP handlers of the routes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from services.routes.answering.pages import Cursor, Limit, link_next, page_meta
from services.routes.answering.reading import reading
from services.routes.answering.routes import route_body, stale_warnings
from services.routes.asking.cursors import RouteKey, read_cursor, write_cursor
from services.routes.asking.routes import RouteFilter, route_filter
from services.routes.asking.words import as_asked
from services.routes.store import current, freshness
from services.routes.store.ribs import ribs_of
from shared.contracts.envelope import Envelope
from shared.contracts.routes import RouteBody
from shared.web.strict import known_parameters_only

api = APIRouter(prefix="/api/v1", dependencies=[Depends(known_parameters_only)])


@api.get("/routes", tags=["routes"], summary="Routes of the current RIB")
async def list_routes(
    request: Request,
    response: Response,
    *,
    query: Annotated[RouteFilter, Depends(route_filter)],
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
    after = read_cursor(cursor) if cursor is not None else None
    async with reading(request) as conn:
        ribs = await ribs_of(conn, query)
        rows = await current.routes(conn, query, ribs, limit=limit + 1, after=after)
        total = await current.count_routes(conn, query, ribs) if count == "exact" else None
        as_of = await freshness.data_as_of(conn)
    now = datetime.now(UTC)
    page = rows[:limit]
    asked = as_asked(query) | {"limit": limit}
    meta = page_meta(started, len(page), asked, as_of, _route_cursor(rows, limit))
    data = [route_body(row, ribs[row["rib_id"]], now) for row in page]
    meta.warnings = stale_warnings(data, ribs.values())
    meta.total = total
    link_next(request, response, meta)
    return Envelope(data=data, meta=meta)


def _route_cursor(rows: Any, limit: int) -> str | None:  # noqa: ANN401 - rows of any columns
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return write_cursor(RouteKey(last["prefix"], last["rib_id"], last["path_id"]))
