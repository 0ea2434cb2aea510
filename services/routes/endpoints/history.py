"""HTTP handlers of the history: updates, timelines, activity and churn."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from heapq import nlargest
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from services.routes.answering.churn import churn_body, samples
from services.routes.answering.heavy import heavy
from services.routes.answering.pages import Cursor, Limit, json_answer, page_meta
from services.routes.answering.reading import reading
from services.routes.answering.streams import STREAMED, Format, answer_format, streamed
from services.routes.answering.timelines import by_origin, joined, seen_in
from services.routes.answering.updates import CSV_HEADER, csv_lines, json_lines, update_bodies
from services.routes.asking.churn import (
    ChurnQuestion,
    activity_filter,
    churn_as_asked,
    churn_question,
    of_peers,
    sampling,
)
from services.routes.asking.routes import FILTERS, RouteFilter
from services.routes.asking.updates import (
    EventPlace,
    UpdateQuestion,
    read_place,
    update_question,
    updates_as_asked,
    write_place,
)
from services.routes.asking.values import read_prefix
from services.routes.asking.windows import Window, window
from services.routes.asking.words import as_asked
from services.routes.store import churn, freshness, timelines, updates
from services.routes.store.ribs import asks_for_ribs, known_ribs
from shared.contracts.envelope import Envelope
from shared.contracts.history import Activity, ChurnBody, PrefixHistory, UpdateBody
from shared.web.problem import parameter_error
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from services.routes.store.driver import Row

api = APIRouter(prefix="/api/v1", tags=["history"], dependencies=[Depends(known_parameters_only)])

AnswerFormat = Annotated[Format, Depends(answer_format)]
_STREAM_ROWS = 2_000
_MOST_EVENTS = 50_000


@api.get(
    "/updates",
    summary="Announcements and withdrawals, as they came",
    response_model=Envelope[list[UpdateBody]],
    responses=STREAMED,
    openapi_extra=FILTERS,
)
async def list_updates(
    request: Request,
    *,
    asked: Annotated[UpdateQuestion, Depends(update_question)],
    form: AnswerFormat,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """What routers said of routes, and of which attributes it changed.

    A filter given more than once means any of its values; different filters must all hold. What
    is asked of attributes is asked of announcements: a withdrawal has none.
    """
    if form != "json":
        if cursor is not None:
            raise parameter_error("cursor", f"{form} has no pages; leave it out")
        return await streamed(_streamed(request, asked, form), form)
    started = time.perf_counter()
    after = None if cursor is None else read_place(cursor)
    found: list[tuple[EventPlace, Row]] = []
    async with reading(request) as conn:
        as_of = (await known_ribs(conn)).as_of
        ribs = await updates.resolved(conn, asked.routes)
        pieces = updates.pieces(conn, asked, ribs, after, limit + 1)
        async with aclosing(pieces):
            async for piece in pieces:
                found += piece
                if len(found) > limit:
                    break
        bodies = await update_bodies(conn, [row for _, row in found[:limit]], ribs)
    following = write_place(found[limit - 1][0]) if len(found) > limit else None
    asked_for = updates_as_asked(asked) | {"limit": limit}
    meta = page_meta(started, len(bodies), asked_for, as_of, following)
    return json_answer(request, [orjson.dumps(body).decode() for body in bodies], meta)


async def _streamed(
    request: Request, asked: UpdateQuestion, form: Format
) -> AsyncGenerator[tuple[int, bytes], None]:
    async with AsyncExitStack() as stack:
        stack.enter_context(heavy(request))
        conn = await stack.enter_async_context(reading(request))
        ribs = await updates.resolved(conn, asked.routes)
        if form == "csv":
            yield 0, CSV_HEADER.encode()
        pieces = updates.pieces(conn, asked, ribs, None, _STREAM_ROWS)
        async for piece in await stack.enter_async_context(aclosing(pieces)):
            bodies = await update_bodies(conn, [row for _, row in piece], ribs)
            if bodies:
                yield len(bodies), csv_lines(bodies) if form == "csv" else json_lines(bodies)


@api.get(
    "/history",
    summary="Who originated a prefix, and how it was reached",
    response_model=Envelope[PrefixHistory],
)
async def show_history(
    request: Request,
    *,
    prefix: Annotated[
        str, Query(description="A prefix, or an address for the longest that was announced")
    ],
    routes: Annotated[RouteFilter, Depends(of_peers)],
    window: Annotated[Window, Depends(window)],
    limit: Annotated[int, Query(ge=1, le=10_000, description="Timelines; the last ones")] = 1000,
) -> Response:
    """Timelines of each path, by origin; they are cut to the window.

    Routes of a router that was not connected count as the last that was known of them.
    """
    started = time.perf_counter()
    network, routes.match = read_prefix(prefix)
    routes.prefix = network
    async with reading(request) as conn:
        as_of = (await known_ribs(conn)).as_of
        ribs = await updates.resolved(conn, routes)
        network = routes.prefix
        story = await timelines.story(conn, network, ribs, window, limit=_MOST_EVENTS + 1)
    if len(story.events) > _MOST_EVENTS:
        raise parameter_error(
            "starttime",
            f"there are more than {_MOST_EVENTS} events of {network} since then; ask for a "
            "shorter time, or name a peer",
        )
    peers = {rib_id: rib["peer_id"] for rib_id, rib in ribs.items()}
    lines = joined(seen_in(story, peers, window))
    last = nlargest(limit, lines, key=attrgetter("end", "start"))
    data = {"prefix": str(network), "by_origin": by_origin(last, window.end)}
    told = as_asked(routes) | window.as_asked() | {"limit": limit}
    meta = page_meta(started, len(last), told, as_of)
    meta.query.pop("state", None)
    meta.total, meta.truncated = len(lines), len(lines) > limit
    return json_answer(request, orjson.dumps(data).decode(), meta)


@api.get("/activity", summary="How much happened, over time")
async def show_activity(
    request: Request,
    *,
    asked: Annotated[RouteFilter, Depends(activity_filter)],
    window: Annotated[Window, Depends(window)],
    max_samples: Annotated[int, Query(ge=1, le=1000, description="At most so many samples")] = 50,
    min_sampling_period: Annotated[
        int, Query(ge=1, le=31_536_000, description="Seconds that a sample is of at least")
    ] = 1,
) -> Envelope[Activity]:
    """Of a prefix every announcement and withdrawal is counted; of all else, what was changed."""
    started = time.perf_counter()
    of_buckets = asked.prefix is None
    whole, period_s = sampling(window, max_samples, min_sampling_period, of_buckets=of_buckets)
    async with reading(request) as conn:
        ribs = await updates.resolved(conn, asked)
        as_of = await freshness.data_as_of(conn)
        if asked.prefix is not None:
            rows = await updates.activity(conn, UpdateQuestion(asked, whole), ribs, period_s)
        elif asked.origin_asns:
            rows = await churn.activity_of_origins(conn, asked.origin_asns, whole, period_s)
        else:
            peers = {rib["peer_id"] for rib in ribs.values()} if asks_for_ribs(asked) else None
            rows = await churn.activity_of_peers(conn, peers, whole, period_s)
    found = samples(rows, whole, period_s)
    asked_for = as_asked(asked) | whole.as_asked() | {"max_samples": max_samples}
    meta = page_meta(started, len(found), asked_for, as_of)
    meta.query.pop("state", None)
    data = Activity(
        counted="changes" if of_buckets else "events", sampling_period_s=period_s, samples=found
    )
    return Envelope(data=data, meta=meta)


@api.get("/churn/top", summary="What changed most")
async def show_churn(
    request: Request, *, asked: Annotated[ChurnQuestion, Depends(churn_question)]
) -> Envelope[list[ChurnBody]]:
    """From counts by five minutes, so the window is grown to whole ones.

    Only what changes a known route counts: neither a table that loads nor a route that is said
    again as it was.
    """
    started = time.perf_counter()
    async with reading(request) as conn:
        rows, total = await churn.top(conn, asked)
        as_of = await freshness.data_as_of(conn)
    data = [churn_body(row, asked.by, asked.metric, total) for row in rows]
    return Envelope(data=data, meta=page_meta(started, len(data), churn_as_asked(asked), as_of))
