"""HTTP handlers of EVPN (RFC 7432)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.routes.answering.evpn import mac_moves
from services.routes.answering.pages import Cursor, Limit, json_answer, page_meta
from services.routes.answering.reading import reading
from services.routes.answering.route_answers import Question, RouteAnswers
from services.routes.answering.streams import STREAMED
from services.routes.asking.evpn import evpn_filter, ribs_filter
from services.routes.asking.moments import DESCRIPTION, read_moment
from services.routes.asking.routes import RouteFilter
from services.routes.asking.values import read_mac
from services.routes.endpoints.routes import (
    AnswerFormat,
    Counted,
    Expand,
    Moment,
    answer_routes,
)
from services.routes.store import evpn
from shared.contracts.envelope import Envelope, rfc3339
from shared.contracts.evpn import MacBody
from shared.contracts.routes import RouteBody
from shared.web.problem import parameter_error
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from shared.contracts.evpn import MacMove

api = APIRouter(prefix="/api/v1/evpn", tags=["evpn"], dependencies=[Depends(known_parameters_only)])

_EVENTS = 2_000
"""Of an address that are looked at: a few hundred moves."""

Time = Annotated[str | None, Query(description=f"Of moves: {DESCRIPTION}")]


@api.get(
    "/routes",
    summary="EVPN routes",
    response_model=Envelope[list[RouteBody]],
    responses=STREAMED,
)
async def list_evpn_routes(
    request: Request,
    *,
    asked: Annotated[RouteFilter, Depends(evpn_filter)],
    moment: Moment,
    expand: Expand,
    form: AnswerFormat,
    count: Counted = "none",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """As `/api/v1/routes`, of this family alone and with its filters."""
    question = Question(asked, moment, expand)
    return await answer_routes(request, question, form, count=count, limit=limit, cursor=cursor)


@api.get(
    "/mac/{mac}",
    summary="Where a MAC address is, and where it was",
    response_model=Envelope[MacBody],
)
async def show_mac(
    request: Request,
    mac: str,
    *,
    asked: Annotated[RouteFilter, Depends(ribs_filter)],
    starttime: Time = None,
    endtime: Time = None,
    limit: Limit = 100,
) -> Response:
    """Its routes that are there now, and its moves between peers, next hops and segments.

    An address has moved when its route from one place is gone, or has a lower sequence number,
    and it has one from another (RFC 7432 15), as one router sees it in one RIB view.
    """
    started = time.perf_counter()
    asked.macs = [read_mac(mac)]
    since = None if starttime is None else read_moment("starttime", starttime)
    until = None if endtime is None else read_moment("endtime", endtime)
    if since and until and since > until:
        raise parameter_error("starttime", "it is after endtime", endtime)
    async with reading(request) as conn:
        answers = await RouteAnswers.to(Question(asked), conn, request.app.state)
        page = await answers.page(limit)
        moves, is_cut = await _moves(conn, asked.macs[0], answers, until)
    moves = [move for move in moves if since is None or move.time >= since]
    told = Question(asked).told() | {
        "starttime": None if since is None else rfc3339(since),
        "endtime": None if until is None else rfc3339(until),
        "limit": limit,
    }
    meta = page_meta(started, len(page.items), told, answers.as_of)
    meta.warnings = page.warnings
    if page.following is not None:
        meta.warnings.append(f"{limit} routes are shown; /api/v1/evpn/routes?mac= has all of them")
    if len(moves) > limit:
        meta.warnings.append(f"{limit} of {len(moves)} moves are shown; endtime= goes further back")
    if is_cut:
        meta.warnings.append(f"moves are those of its last {_EVENTS} announcements and withdrawals")
    meta.truncated = page.following is not None or len(moves) > limit or is_cut
    shown = ",".join(move.model_dump_json(by_alias=True) for move in moves[:limit])
    body = f'{{"mac":"{asked.macs[0]}","routes":[{",".join(page.items)}],"moves":[{shown}]}}'
    return json_answer(request, body, meta)


async def _moves(
    conn: AsyncConnection, mac: str, answers: RouteAnswers, until: datetime | None
) -> tuple[list[MacMove], bool]:
    events = await evpn.mac_events(conn, mac, answers.ribs.keys(), until=until, limit=_EVENTS)
    if not events:
        return [], False
    peers = {answers.ribs[row["rib_id"]]["peer_id"] for row in events}
    swept = await evpn.sweeps(conn, peers, events[-1]["time"])
    if until is not None:
        swept = [row for row in swept if row["time"] <= until]
    return mac_moves(events, swept, answers.ribs), len(events) == _EVENTS
