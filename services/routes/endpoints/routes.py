"""HTTP handlers of the routes."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from services.routes.answering.heavy import heavy, while_connected
from services.routes.answering.pages import Cursor, Limit, json_answer, page_meta
from services.routes.answering.prefixes import around
from services.routes.answering.reading import reading
from services.routes.answering.route_answers import Question, RouteAnswers
from services.routes.answering.streams import (
    STREAMED,
    Format,
    answer_format,
    stream_headers,
    streamed,
)
from services.routes.answering.summaries import GROUPS, summary
from services.routes.asking.cursors import read_cursor, write_cursor
from services.routes.asking.moments import DESCRIPTION as MOMENT
from services.routes.asking.moments import read_past
from services.routes.asking.routes import FILTERS, RouteFilter, any_routes, route_filter
from services.routes.asking.values import read_prefix
from services.routes.asking.words import read_words, texts
from shared.contracts.envelope import Envelope
from shared.contracts.routes import RouteBody, RouteCount, RoutesOfPrefix
from shared.web.problem import parameter_error
from shared.web.strict import known_parameters_only

api = APIRouter(prefix="/api/v1", dependencies=[Depends(known_parameters_only)])

_EXPAND = ("asn_names", "communities", "rpki")
_INCLUDE = ("moreSpecifics", "lessSpecifics")


async def timestamp(
    timestamp: Annotated[str | None, Query(description=f"The RIB as it was: {MOMENT}")] = None,
) -> datetime | None:
    """The moment that is asked about; None: now."""
    return None if timestamp is None else read_past("timestamp", timestamp)


async def expand(
    expand: Annotated[list[str], texts(f"Of {', '.join(_EXPAND)}")],
) -> tuple[str, ...]:
    """What is to be added to each route."""
    return read_words("expand", expand, _EXPAND)


Filter = Annotated[RouteFilter, Depends(route_filter)]
AnyRoutes = Annotated[RouteFilter, Depends(any_routes)]
Moment = Annotated[datetime | None, Depends(timestamp)]
Expand = Annotated[tuple[str, ...], Depends(expand)]
Count = Literal["none", "exact"]
Counted = Annotated[Count, Query(description="`exact`: count all pages in `meta.total`")]
AnswerFormat = Annotated[Format, Depends(answer_format)]


@api.get(
    "/routes",
    tags=["routes"],
    summary="Routes of the RIB, as it is or as it was",
    response_model=Envelope[list[RouteBody]],
    responses=STREAMED,
    openapi_extra=FILTERS,
)
async def list_routes(
    request: Request,
    *,
    asked: Filter,
    moment: Moment,
    expand: Expand,
    form: AnswerFormat,
    count: Counted = "none",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Routes over all routers, peers and RIB views.

    A filter given more than once means any of its values; different filters must all hold. As
    NDJSON or CSV all of them are sent, whatever `limit` is.
    """
    return await answer_routes(
        request, Question(asked, moment, expand), form, count=count, limit=limit, cursor=cursor
    )


async def answer_routes(
    request: Request,
    question: Question,
    form: Format,
    *,
    count: Count,
    limit: int,
    cursor: str | None,
) -> Response:
    """A page of the routes that are asked for, or all of them in another format."""
    if form != "json":
        if cursor is not None:
            raise parameter_error("cursor", f"{form} has no pages; leave it out")
        headers: dict[str, str] = {}
        return await streamed(_pieces(request, question, form, headers), form, headers)
    started = time.perf_counter()
    after = read_cursor(cursor) if cursor is not None else None
    total = None
    is_lookup = question.asked.is_lookup and count == "none" and after is None
    async with AsyncExitStack() as stack:
        if count == "exact":
            stack.enter_context(heavy(request))
            await stack.enter_async_context(while_connected(request))
        conn = await stack.enter_async_context(reading(request, lookup=is_lookup))
        looked_up = limit + 1 if is_lookup else 0
        answers = await RouteAnswers.to(question, conn, request.app.state, looked_up)
        page = await answers.page(limit, after)
        if count == "exact":
            total = await answers.count()
    following = write_cursor(page.following) if page.following is not None else None
    told = question.told() | {"limit": limit}
    meta = page_meta(started, len(page.items), told, answers.as_of, following)
    meta.warnings, meta.total = page.warnings, total
    return json_answer(request, page.items, meta)


async def _pieces(
    request: Request, question: Question, form: Format, headers: dict[str, str]
) -> AsyncGenerator[tuple[int, bytes], None]:
    """The routes; `headers` has what a page says in `meta`, as soon as there is a first piece."""
    async with AsyncExitStack() as stack:
        stack.enter_context(heavy(request))
        conn = await stack.enter_async_context(reading(request))
        answers = await RouteAnswers.to(question, conn, request.app.state)
        headers |= stream_headers(answers.as_of, answers.cautions())
        pieces = await stack.enter_async_context(aclosing(answers.stream(form)))
        async for piece in pieces:
            yield piece


@api.get(
    "/routes/summary",
    tags=["routes"],
    summary="How many routes there are, by group",
    openapi_extra=FILTERS,
)
async def summarize_routes(
    request: Request,
    *,
    asked: Filter,
    moment: Moment,
    group_by: Annotated[
        list[str],
        Query(
            default_factory=lambda: ["peer"],
            description=f"Of {', '.join(GROUPS)}",
        ),
    ],
    limit: Limit = 100,
) -> Envelope[list[RouteCount]]:
    """The largest groups first; `meta.total` is the number of groups."""
    started = time.perf_counter()
    groups = read_words("group_by", group_by, GROUPS)
    question = Question(asked, moment)
    with heavy(request):
        async with while_connected(request), reading(request) as conn:
            answers = await RouteAnswers.to(question, conn, request.app.state)
            counts = await summary(answers, groups)
    told = question.told() | {"group_by": list(groups), "limit": limit}
    meta = page_meta(started, len(counts[:limit]), told, answers.as_of)
    meta.total, meta.truncated = len(counts), len(counts) > limit
    meta.warnings = answers.cautions()
    return Envelope(data=counts[:limit], meta=meta)


@api.get(
    "/routes/{prefix:path}",
    tags=["routes"],
    summary="Routes to one prefix, and around it",
    response_model=Envelope[RoutesOfPrefix],
    openapi_extra=FILTERS,
)
async def show_prefix(
    request: Request,
    prefix: str,
    *,
    asked: AnyRoutes,
    moment: Moment,
    expand: Expand,
    include: Annotated[list[str], texts(f"Of {', '.join(_INCLUDE)}")],
    limit: Limit = 100,
) -> Response:
    """A prefix is matched exactly; of an address the longest match of any peer is shown."""
    started = time.perf_counter()
    asked.prefix, asked.match = read_prefix(prefix)
    wanted = read_words("include", include, _INCLUDE)
    question = Question(asked, moment, expand)
    async with reading(request) as conn:
        answer = await around(question, conn, request.app.state, wanted, limit)
    told: dict[str, Any] = question.told() | {"include": list(wanted), "limit": limit}
    meta = page_meta(started, answer.count, told, answer.as_of)
    meta.warnings, meta.truncated = answer.warnings, answer.is_truncated
    return json_answer(request, answer.body, meta)
