"""HTTP handlers of the circuit breakers of this process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services.failover import answers
from services.failover.control.commanding import Commander, commander
from services.failover.parts import parts
from shared.contracts.envelope import Envelope, Meta
from shared.contracts.failover import BreakerBody, CommandBody
from shared.contracts.failover_commands import ForceCommand, WithReason
from shared.web.problem import ProblemError
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from shared.breaker import CircuitBreaker

api = APIRouter(
    prefix="/api/v1/failover/breakers",
    tags=["failover"],
    dependencies=[Depends(known_parameters_only)],
)

Commands = Annotated[Commander, Depends(commander)]
Answer = Envelope[CommandBody]


@api.get("", summary="Circuit breakers: one for each provider, region, and way")
async def list_breakers(request: Request) -> Envelope[list[BreakerBody]]:
    """Those of the process that answers."""
    started = time.perf_counter()
    data = [answers.breaker_body(one) for one in parts(request).breakers]
    took = round((time.perf_counter() - started) * 1000, 3)
    return Envelope(data=data, meta=Meta(count=len(data), took_ms=took))


@api.post("/{name:path}/force", summary="Hold a breaker open or closed", response_model=Answer)
async def force(request: Request, name: str, it: Commands, asked: ForceCommand) -> JSONResponse:
    """For a while, whatever becomes of its calls. Open lets nothing through, an emergency too."""
    breaker = _breaker(request, name)

    async def carry_out(_: AsyncConnection) -> CommandBody:
        before = answers.breaker_body(breaker)
        hold = breaker.force_open if asked.state == "open" else breaker.force_closed
        hold(seconds=asked.ttl_s, owner=it.who(asked), reason=asked.reason)
        return _done("force breaker", f"{name} is held {asked.state}", before, breaker)

    return await it.once("force breaker", asked, carry_out)


@api.post("/{name:path}/reset", summary="Let calls through again", response_model=Answer)
async def reset(request: Request, name: str, it: Commands, asked: WithReason) -> JSONResponse:
    """Closed, as if it were new."""
    breaker = _breaker(request, name)

    async def carry_out(_: AsyncConnection) -> CommandBody:
        before = answers.breaker_body(breaker)
        breaker.reset()
        return _done("reset breaker", f"{name} is closed", before, breaker)

    return await it.once("reset breaker", asked, carry_out)


def _breaker(request: Request, name: str) -> CircuitBreaker:
    registry = parts(request).breakers
    breaker = registry.get(name)
    if breaker is None:
        known = ", ".join(one.name for one in registry) or "none"
        raise ProblemError(404, "no-such-breaker", f"no breaker is {name}; there are {known}")
    return breaker


def _done(action: str, sentence: str, before: BreakerBody, breaker: CircuitBreaker) -> CommandBody:
    return CommandBody(
        action=action,
        dry_run=False,
        sentence=sentence,
        before=before.model_dump(mode="json"),
        after=answers.breaker_body(breaker).model_dump(mode="json"),
    )
