"""HTTP handlers of routers and peers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.routes.answering.counting import Known, RouteCounter
from services.routes.answering.inventory import event_body, peer_body, router_body, statistic_body
from services.routes.answering.listings import Page, answer_list
from services.routes.answering.pages import Cursor, Limit, page_meta
from services.routes.answering.reading import reading
from services.routes.answering.route_answers import Question
from services.routes.answering.streams import STREAMED
from services.routes.asking.cursors import read_id_cursor
from services.routes.asking.events import (
    EventFilter,
    EventKey,
    event_filter,
    read_event_cursor,
    write_event_cursor,
)
from services.routes.asking.inventory import (
    PeerFilter,
    RouterFilter,
    StatisticKey,
    peer_filter,
    read_statistic_cursor,
    router_filter,
    write_statistic_cursor,
)
from services.routes.asking.routes import FILTERS, RouteFilter, route_filter
from services.routes.asking.values import read_id
from services.routes.asking.words import as_asked
from services.routes.endpoints.routes import (
    AnswerFormat,
    Counted,
    Expand,
    Moment,
    answer_routes,
)
from services.routes.store import events, freshness, inventory
from shared.contracts.envelope import Envelope
from shared.contracts.inventory import PeerBody, PeerEvent, RouterBody, Statistic
from shared.contracts.routes import RouteBody
from shared.web.problem import ProblemError, parameter_error
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

api = APIRouter(prefix="/api/v1", tags=["inventory"], dependencies=[Depends(known_parameters_only)])

Events = Annotated[EventFilter, Depends(event_filter)]


@api.get(
    "/routers",
    summary="Routers that speak BMP to us",
    response_model=Envelope[list[RouterBody]],
    responses=STREAMED,
)
async def list_routers(
    request: Request,
    *,
    query: Annotated[RouterFilter, Depends(router_filter)],
    form: AnswerFormat,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Every router ever seen, in the order of its id, with its state, peers and routes."""

    async def read(conn: AsyncConnection, cursor: str | None, limit: int) -> Page:
        after = read_id_cursor(cursor)
        rows = await inventory.routers(conn, query, after_id=after, limit=limit + 1)
        data, known = await _routers(conn, request, rows[:limit])
        return Page(data, _next(rows, limit, "router_id"), known.warnings())

    told = as_asked(query)
    return await answer_list(request, form, RouterBody, read, told=told, limit=limit, cursor=cursor)


@api.get("/routers/{router_id}", summary="One router")
async def show_router(request: Request, router_id: int) -> Envelope[RouterBody]:
    """The router with this id."""
    started = time.perf_counter()
    async with reading(request) as conn:
        data, known = await _routers(conn, request, [await _router(conn, router_id)])
        as_of = await freshness.data_as_of(conn)
    meta = page_meta(started, 1, {}, as_of)
    meta.warnings = known.warnings()
    return Envelope(data=data[0], meta=meta)


@api.get(
    "/routers/{router_id}/events",
    summary="What happened to a router's peers",
    response_model=Envelope[list[PeerEvent]],
    responses=STREAMED,
)
async def list_router_events(
    request: Request,
    router_id: int,
    *,
    query: Events,
    form: AnswerFormat,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The newest first. When its BMP connection ends, each of its peers is `lost`."""
    query.router_id = read_id(router_id)

    async def read(conn: AsyncConnection, cursor: str | None, limit: int) -> Page:
        await _router(conn, router_id)
        return await _events(conn, query, cursor, limit)

    told = as_asked(query)
    return await answer_list(request, form, PeerEvent, read, told=told, limit=limit, cursor=cursor)


@api.get(
    "/peers",
    summary="BGP peers of the routers",
    response_model=Envelope[list[PeerBody]],
    responses=STREAMED,
)
async def list_peers(
    request: Request,
    *,
    query: Annotated[PeerFilter, Depends(peer_filter)],
    form: AnswerFormat,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Peers as their routers report them (RFC 7854 4.10), in the order of their ids."""

    async def read(conn: AsyncConnection, cursor: str | None, limit: int) -> Page:
        after = read_id_cursor(cursor)
        rows = await inventory.peers(conn, query, after_id=after, limit=limit + 1)
        data, known = await _peers(conn, request, rows[:limit])
        return Page(data, _next(rows, limit, "peer_id"), known.warnings())

    told = as_asked(query)
    return await answer_list(request, form, PeerBody, read, told=told, limit=limit, cursor=cursor)


@api.get("/peers/{peer_id}", summary="One peer")
async def show_peer(request: Request, peer_id: int) -> Envelope[PeerBody]:
    """The peer with this id."""
    started = time.perf_counter()
    async with reading(request) as conn:
        data, known = await _peers(conn, request, [await _peer(conn, peer_id)])
        as_of = await freshness.data_as_of(conn)
    meta = page_meta(started, 1, {}, as_of)
    meta.warnings = known.warnings()
    return Envelope(data=data[0], meta=meta)


@api.get(
    "/peers/{peer_id}/events",
    summary="What happened to a peer",
    response_model=Envelope[list[PeerEvent]],
    responses=STREAMED,
)
async def list_peer_events(
    request: Request,
    peer_id: int,
    *,
    query: Events,
    form: AnswerFormat,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The newest first."""
    query.peer_id = read_id(peer_id)

    async def read(conn: AsyncConnection, cursor: str | None, limit: int) -> Page:
        await _peer(conn, peer_id)
        return await _events(conn, query, cursor, limit)

    told = as_asked(query)
    return await answer_list(request, form, PeerEvent, read, told=told, limit=limit, cursor=cursor)


@api.get(
    "/peers/{peer_id}/statistics",
    summary="What a router counts of a peer",
    response_model=Envelope[list[Statistic]],
    responses=STREAMED,
)
async def list_statistics(
    request: Request,
    peer_id: int,
    *,
    form: AnswerFormat,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The last value of each statistic of its reports (RFC 7854 4.8, RFC 8671 6.2, RFC 9972 3)."""

    async def read(conn: AsyncConnection, cursor: str | None, limit: int) -> Page:
        await _peer(conn, peer_id)
        after = read_statistic_cursor(cursor)
        rows = await inventory.statistics(conn, peer_id, after=after, limit=limit + 1)
        following = None
        if len(rows) > limit:
            last = rows[limit - 1]
            family = -1 if last["family"] is None else last["family"]
            following = write_statistic_cursor(StatisticKey(last["type"], family))
        return Page([statistic_body(row) for row in rows[:limit]], following)

    return await answer_list(request, form, Statistic, read, told={}, limit=limit, cursor=cursor)


@api.get(
    "/peers/{peer_id}/routes",
    summary="Routes of one peer",
    response_model=Envelope[list[RouteBody]],
    responses=STREAMED,
    openapi_extra=FILTERS,
)
async def list_routes_of_peer(
    request: Request,
    peer_id: int,
    *,
    asked: Annotated[RouteFilter, Depends(route_filter)],
    moment: Moment,
    expand: Expand,
    form: AnswerFormat,
    count: Counted = "none",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """As `/api/v1/routes`, with this peer for `peer`."""
    if asked.peer_ids or asked.peer_addresses:
        raise parameter_error("peer", "the path has named the peer already; leave it out")
    async with reading(request) as conn:
        await _peer(conn, peer_id)
    asked.peer_ids = [peer_id]
    question = Question(asked, moment, expand)
    return await answer_routes(request, question, form, count=count, limit=limit, cursor=cursor)


async def _routers(
    conn: AsyncConnection, request: Request, rows: Sequence[RowMapping]
) -> tuple[list[RouterBody], Known]:
    known = await _known(conn, request)
    ids = [row["router_id"] for row in rows]
    ribs = _by("router_id", await inventory.ribs_of_routers(conn, ids))
    return [router_body(row, ribs.get(row["router_id"], []), known) for row in rows], known


async def _peers(
    conn: AsyncConnection, request: Request, rows: Sequence[RowMapping]
) -> tuple[list[PeerBody], Known]:
    known = await _known(conn, request)
    ids = [row["peer_id"] for row in rows]
    ribs = _by("peer_id", await inventory.ribs_of_peers(conn, ids))
    churn = await inventory.churn_of_last_hour(conn, ids)
    now, enrichment = datetime.now(UTC), request.app.state.enrichment
    data = []
    for row in rows:
        of_peer, changes = ribs.get(row["peer_id"], []), churn.get(row["peer_id"])
        name = enrichment.as_name(row["asn"])
        data.append(peer_body(row, of_peer, changes, known, now, name))
    return data, known


async def _known(conn: AsyncConnection, request: Request) -> Known:
    counter: RouteCounter = request.app.state.counter
    return await counter.known(conn)


async def _router(conn: AsyncConnection, router_id: int) -> RowMapping:
    asked = RouterFilter(router_id=read_id(router_id))
    for row in await inventory.routers(conn, asked, after_id=-1, limit=1):
        return row
    raise ProblemError(404, "not-found", f"no router has the id {router_id}; see /api/v1/routers")


async def _peer(conn: AsyncConnection, peer_id: int) -> RowMapping:
    asked = PeerFilter(peer_id=read_id(peer_id))
    for row in await inventory.peers(conn, asked, after_id=-1, limit=1):
        return row
    raise ProblemError(404, "not-found", f"no peer has the id {peer_id}; see /api/v1/peers")


async def _events(
    conn: AsyncConnection, query: EventFilter, cursor: str | None, limit: int
) -> Page:
    after = None if cursor is None else read_event_cursor(cursor)
    rows = await events.peer_events(conn, query, after=after, limit=limit + 1)
    following = None
    if len(rows) > limit:
        last = rows[limit - 1]
        following = write_event_cursor(EventKey(last["time"], last["seq"], last["peer_id"]))
    return Page([event_body(row) for row in rows[:limit]], following)


def _next(rows: Sequence[RowMapping], limit: int, column: str) -> str | None:
    """The cursor of the next page of things with ids, of which one more than `limit` was read."""
    return str(rows[limit - 1][column]) if len(rows) > limit else None


def _by(column: str, rows: Iterable[RowMapping]) -> dict[int, list[RowMapping]]:
    """Rows by the value of a column; those of one value in the order they come in."""
    key = itemgetter(column)
    return {value: list(group) for value, group in groupby(sorted(rows, key=key), key)}
