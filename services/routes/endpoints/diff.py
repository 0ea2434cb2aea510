"""HTTP handlers of the comparison of two peers' tables."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import text

from services.routes.answering.diff import Differences, sides
from services.routes.answering.heavy import heavy
from services.routes.answering.pages import Cursor, Limit, json_answer, page_meta
from services.routes.answering.reading import reading
from services.routes.answering.route_answers import PAGE_SECONDS
from services.routes.answering.streams import STREAMED, Format, answer_format, streamed
from services.routes.asking.diff import DiffFilter, Place, diff_filter, read_place, write_place
from services.routes.asking.inventory import PeerFilter
from services.routes.store import freshness, inventory
from services.routes.store.ribs import known_ribs
from shared.contracts.diff import RouteDifference
from shared.contracts.envelope import Envelope
from shared.contracts.vocabulary import RIB_VIEWS, family_name
from shared.web.problem import parameter_error
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy.ext.asyncio import AsyncConnection

api = APIRouter(prefix="/api/v1", tags=["inventory"], dependencies=[Depends(known_parameters_only)])

_UNFINISHED = (
    f"{PAGE_SECONDS:.0f} s of comparing did not fill a page; the next cursor goes on from here"
)


@api.get(
    "/peers/diff",
    summary="What two peers' tables do not have in common",
    response_model=Envelope[list[RouteDifference]],
    responses=STREAMED,
)
async def compare_peers(
    request: Request,
    *,
    asked: Annotated[DiffFilter, Depends(diff_filter)],
    form: Annotated[Format, Depends(answer_format)],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Routes that are there now, in the order of the prefixes; `a` and `b` may be one peer, too,
    with another RIB view each."""
    if form == "csv":
        raise parameter_error("format", "two routes do not fit into a line of CSV", "ndjson")
    if form == "ndjson":
        return await streamed(_stream(request, asked), form)
    started = time.perf_counter()
    after = None if cursor is None else read_place(cursor)
    with heavy(request):
        async with reading(request) as conn:
            found = await _differences(request, conn, asked)
            items, place, is_unfinished = await _page(found, after, limit)
            as_of = await freshness.data_as_of(conn)
    following = None if place is None else write_place(place)
    meta = page_meta(started, len(items), _told(asked, limit), as_of, following)
    meta.warnings = [_UNFINISHED] if is_unfinished else []
    return json_answer(request, items, meta)


async def _page(
    found: Differences, after: Place | None, limit: int
) -> tuple[list[str], Place | None, bool]:
    """Differences, where the next page begins, and whether there was no time for more."""
    items: list[tuple[Place, str]] = []
    deadline = time.monotonic() + PAGE_SECONDS
    async with aclosing(found.pieces(after)) as pieces:
        async for piece in pieces:
            items += piece.items
            if len(items) > limit:
                return [text for _, text in items[:limit]], items[limit - 1][0], False
            if piece.place is not None and time.monotonic() > deadline:
                return [text for _, text in items], piece.place, True
    return [text for _, text in items], None, False


async def _stream(request: Request, asked: DiffFilter) -> AsyncGenerator[tuple[int, bytes], None]:
    async with AsyncExitStack() as stack:
        stack.enter_context(heavy(request))
        conn = await stack.enter_async_context(reading(request))
        found = await _differences(request, conn, asked)
        pieces = await stack.enter_async_context(aclosing(found.pieces(None)))
        async for piece in pieces:
            if piece.items:
                yield len(piece.items), "".join(f"{one}\n" for _, one in piece.items).encode()


async def _differences(request: Request, conn: AsyncConnection, asked: DiffFilter) -> Differences:
    # All of it at one moment; who reads too slowly loses the connection, so that nobody keeps
    # the database from cleaning up for longer.
    await conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2min'"))
    for parameter, peer_id in (("a", asked.peer_a), ("b", asked.peer_b)):
        if not await inventory.peers(conn, PeerFilter(peer_id=peer_id), after_id=-1, limit=1):
            raise parameter_error(parameter, f"no peer has the id {peer_id}; see /api/v1/peers")
    known = await known_ribs(conn)
    return Differences(conn, asked, sides(asked, known.ribs), request.app.state)


def _told(asked: DiffFilter, limit: int) -> dict[str, Any]:
    views = (asked.view_a, asked.view_b)
    rib, rib_b = (None if view is None else RIB_VIEWS[view] for view in views)
    return {
        "a": asked.peer_a,
        "b": asked.peer_b,
        "family": family_name(asked.family),
        "rib": rib,
        "rib_b": None if rib == rib_b else rib_b,
        "difference": list(asked.kinds),
        "limit": limit,
    }
