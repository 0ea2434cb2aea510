"""HTTP handlers of routers and peers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.routes.answering.inventory import peer_body, router_body
from services.routes.answering.pages import Cursor, Limit, link_next, page_meta
from services.routes.answering.reading import reading
from services.routes.asking.cursors import read_id_cursor
from services.routes.asking.inventory import PeerFilter, peer_filter
from services.routes.asking.values import read_id
from services.routes.asking.words import as_asked
from services.routes.store import freshness, inventory
from shared.contracts.envelope import Envelope
from shared.contracts.routes import PeerBody, RouterBody
from shared.web.problem import ProblemError
from shared.web.strict import known_parameters_only

api = APIRouter(prefix="/api/v1", dependencies=[Depends(known_parameters_only)])


@api.get("/routers", tags=["inventory"], summary="Routers that speak BMP to us")
async def list_routers(
    request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Envelope[list[RouterBody]]:
    """Every router ever seen, in the order of its id, with its state and its peers' count."""
    started = time.perf_counter()
    async with reading(request) as conn:
        rows = await inventory.routers(conn, after_id=read_id_cursor(cursor), limit=limit + 1)
        as_of = await freshness.data_as_of(conn)
    data = [router_body(row) for row in rows[:limit]]
    following = str(data[-1].id) if len(rows) > limit else None
    meta = page_meta(started, len(data), {"limit": limit}, as_of, following)
    link_next(request, response, meta)
    return Envelope(data=data, meta=meta)


@api.get("/routers/{router_id}", tags=["inventory"], summary="One router")
async def show_router(request: Request, router_id: int) -> Envelope[RouterBody]:
    """The router with this id."""
    started = time.perf_counter()
    async with reading(request) as conn:
        rows = await inventory.routers(conn, after_id=0, limit=1, router_id=read_id(router_id))
        as_of = await freshness.data_as_of(conn)
    if not rows:
        raise ProblemError(
            404, "not-found", f"no router has the id {router_id}; see /api/v1/routers"
        )
    return Envelope(data=router_body(rows[0]), meta=page_meta(started, 1, {}, as_of))


@api.get("/peers", tags=["inventory"], summary="BGP peers of the routers")
async def list_peers(
    request: Request,
    response: Response,
    *,
    query: Annotated[PeerFilter, Depends(peer_filter)],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Envelope[list[PeerBody]]:
    """Peers as their routers report them (RFC 7854 4.10), in the order of their ids."""
    started = time.perf_counter()
    async with reading(request) as conn:
        rows = await inventory.peers(conn, query, after_id=read_id_cursor(cursor), limit=limit + 1)
        as_of = await freshness.data_as_of(conn)
    now = datetime.now(UTC)
    data = [peer_body(row, now) for row in rows[:limit]]
    following = str(data[-1].id) if len(rows) > limit else None
    asked = as_asked(query) | {"limit": limit}
    meta = page_meta(started, len(data), asked, as_of, following)
    link_next(request, response, meta)
    return Envelope(data=data, meta=meta)


@api.get("/peers/{peer_id}", tags=["inventory"], summary="One peer")
async def show_peer(request: Request, peer_id: int) -> Envelope[PeerBody]:
    """The peer with this id."""
    started = time.perf_counter()
    async with reading(request) as conn:
        rows = await inventory.peers(
            conn, PeerFilter(peer_id=read_id(peer_id)), after_id=-1, limit=1
        )
        as_of = await freshness.data_as_of(conn)
    if not rows:
        raise ProblemError(404, "not-found", f"no peer has the id {peer_id}; see /api/v1/peers")
    data = peer_body(rows[0], datetime.now(UTC))
    return Envelope(data=data, meta=page_meta(started, 1, {}, as_of))
