"""HTTP handlers of practice runs."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from services.failover import answers
from services.failover.control import drill, practising
from services.failover.control.commanding import Commander, Ending, commander
from services.failover.endpoints.reading import Cursor, number
from services.failover.parts import parts
from services.failover.repository import practices
from shared.contracts.envelope import Envelope, Meta
from shared.contracts.failover import CommandBody, PracticeBody
from shared.contracts.failover_commands import PracticeCommand
from shared.web.problem import ProblemError
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.repository.practices import PracticeRecord

api = APIRouter(
    prefix="/api/v1/failover/practice",
    tags=["failover"],
    dependencies=[Depends(known_parameters_only)],
)

Commands = Annotated[Commander, Depends(commander)]
Answer = Envelope[CommandBody]


@api.get("", summary="Practice runs, the newest first")
async def list_practices(
    request: Request, *, limit: Annotated[int, Query(ge=1, le=200)] = 20, cursor: Cursor = None
) -> Envelope[list[PracticeBody]]:
    """What each came to, with its plans, or in a dry one with what the providers said."""
    started = time.perf_counter()
    async with parts(request).engine.connect() as conn:
        found = await practices.latest(conn, limit, before=number(cursor))
    data = [one for one in map(answers.practice_body, found) if one is not None]
    following = str(data[-1].id) if len(data) == limit else None
    took = round((time.perf_counter() - started) * 1000, 3)
    return Envelope(data=data, meta=Meta(count=len(data), next_cursor=following, took_ms=took))


@api.post("", summary="To the other site and back, to see that it works", response_model=Answer)
async def start(request: Request, it: Commands, asked: PracticeCommand) -> JSONResponse:
    """A dry one asks the providers what they would say, and moves nothing.

    A real one begins with the next cycle, if all is well (412 if not).
    """
    stay = timedelta(seconds=asked.stay_s or parts(request).practice_seconds)
    if asked.mode == "dry":
        return await _drill(request, it, asked, stay)

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        if await practices.under_way(conn) is not None:
            raise ProblemError(409, "practice-under-way", "another practice run is not over yet")
        if why := await drill.hindrances(conn, parts(request), stay):
            raise ProblemError(412, "not-all-well", "; ".join(why))
        row = await practices.ask(
            conn, owner=it.who(asked), reason=asked.reason, stay=stay, seconds=asked.within_s
        )
        if row is None:
            raise ProblemError(409, "practice-under-way", "another practice run is not over yet")
        return CommandBody(
            action="practice run",
            dry_run=False,
            sentence="the traffic goes to the other site with the next cycle, and comes back "
            f"{stay.total_seconds():g} s after it is there; GET /api/v1/failover/practice tells",
            after=_json(row),
        )

    return await it.once("practice run", asked, carry_out)


@api.delete("", summary="End the practice run", response_model=Answer)
async def call_off(it: Commands, asked: Ending) -> JSONResponse:
    """The traffic comes back now, after a plan that is under way; 404 where there is none."""

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        before = await practising.called_off(conn, it.who(asked))
        if before is None:
            raise ProblemError(404, "no-practice", "no practice run is under way")
        return CommandBody(
            action="end practice run",
            dry_run=False,
            sentence="it is over as soon as the traffic is where it was",
            before=_json(before),
            after=_json(await practices.under_way(conn)),
        )

    return await it.once("end practice run", asked, carry_out)


async def _drill(
    request: Request, it: Commander, asked: PracticeCommand, stay: timedelta
) -> JSONResponse:
    done = await drill.drilled(parts(request), stay, it.who(asked))

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        row = await drill.noted(conn, done, owner=it.who(asked), reason=asked.reason, stay=stay)
        return CommandBody(
            action="practice run",
            dry_run=True,
            sentence=f"{done.outcome.value}: {done.detail}",
            after={"practice": row.practice_id if row is not None else None},
            steps=done.steps,
        )

    return await it.once("dry practice run", asked, carry_out)


def _json(row: PracticeRecord | None) -> object:
    body = answers.practice_body(row)
    return None if body is None else body.model_dump(mode="json", exclude={"out", "back", "steps"})
