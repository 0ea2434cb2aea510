"""HTTP handler that stops what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.failover.acting.journal import StepState
from services.failover.control.commanding import Commander, commander
from services.failover.policy.model import StepKind
from services.failover.repository import orders, plans
from shared.contracts.envelope import Envelope
from shared.contracts.failover import CommandBody
from shared.contracts.failover_commands import AbortCommand
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.acting.journal import PlanRecord

api = APIRouter(
    prefix="/api/v1/failover", tags=["failover"], dependencies=[Depends(known_parameters_only)]
)

Commands = Annotated[Commander, Depends(commander)]

PAUSE_SECONDS = 3_600.0
"""After a plan that nobody had asked for: it would soon be begun again."""


@api.post("/abort", summary="Stop the plan under way", response_model=Envelope[CommandBody])
async def abort(it: Commands, asked: AbortCommand) -> JSONResponse:
    """At its next step: then all is taken back.

    Once the old site is told to withdraw, a plan is carried to its end. To stop what is stopped
    already, or where nothing is under way, does nothing.
    """

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        before = await plans.running(conn)
        plan = await plans.abort(conn, who=it.who(asked), reason=asked.reason)
        if plan is None:
            return CommandBody(
                action="abort", dry_run=False, sentence="no plan is under way: nothing is stopped"
            )
        is_first = before is None or before.aborted_by is None
        seconds = await _paused(conn, it, asked, plan) if is_first or asked.pause_s else 0.0
        return CommandBody(
            action="abort",
            dry_run=False,
            sentence=f"the plan to the {plan.target.value} site {_becomes(plan)}; "
            "GET /api/v1/failover shows how far it is"
            + (f"; nothing is done by itself for {seconds:g} s" if seconds else ""),
            before={"plan": plan.plan_id, "reason": plan.reason, "asked_by": plan.asked_by},
            after={"plan": plan.plan_id, "aborted_by": plan.aborted_by, "pause_s": seconds},
        )

    return await it.once("abort", asked, carry_out)


def _becomes(plan: PlanRecord) -> str:
    withdraw = next((it for it in plan.forward if it.step.kind is StepKind.WITHDRAW), None)
    if withdraw is not None and (withdraw.request_id or withdraw.state is StepState.DONE):
        return "is carried to its end, since the old site was told to withdraw"
    return "stops at its next step, and what it did is taken back"


async def _paused(
    conn: AsyncConnection, it: Commander, asked: AbortCommand, plan: PlanRecord
) -> float:
    """For how long; 0: not at all, or a longer pause holds already."""
    seconds = asked.pause_s
    if seconds is None:
        seconds = PAUSE_SECONDS if plan.asked_by is None else 0.0
    if seconds <= await orders.pause_left(conn):
        return 0.0
    await orders.set_pause(conn, owner=it.who(asked), reason=asked.reason, seconds=seconds)
    return seconds
