"""HTTP handlers of what operators say: switchover, override, pause, acknowledgement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from services.failover import answers
from services.failover.control.commanding import Commander, Ending, commander
from services.failover.control.rehearsal import rehearsed
from services.failover.parts import parts
from services.failover.policy.decide import Mode, Override, serving
from services.failover.policy.model import Site
from services.failover.repository import orders, plans, switchovers
from shared.contracts.envelope import Envelope
from shared.contracts.failover import CommandBody, OverrideBody, PauseBody, SwitchoverBody
from shared.contracts.failover_commands import OverrideCommand, SwitchoverCommand, Timed, WithReason
from shared.web.problem import ProblemError, parameter_error
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

api = APIRouter(
    prefix="/api/v1/failover", tags=["failover"], dependencies=[Depends(known_parameters_only)]
)

DryRun = Annotated[bool, Query(description="Say what would be done, and do nothing")]
Commands = Annotated[Commander, Depends(commander)]
Answer = Envelope[CommandBody]

_FARTHEST = timedelta(days=366)


@api.post("/switchover", summary="Move the traffic once", response_model=Answer)
async def switch_over(
    request: Request, it: Commands, asked: SwitchoverCommand, *, dry_run: DryRun = False
) -> JSONResponse:
    """To a site that is well, from the one that serves (412 if another one does).

    A dry run answers with the plan: each step with the exact requests that it would make.
    """
    source, target = Site(asked.from_site), Site(asked.to_site)
    if source is target:
        raise parameter_error("to", "it is the site to move from", source.other.value)

    async def rehearse() -> CommandBody:
        _check_time(parts(request).now(), asked.scheduled_at)
        _check_serving(request, source)
        until = parts(request).now() + timedelta(seconds=asked.within_s)
        lifted = frozenset(asked.lifted_rules)
        order = Override(Mode(target.value), it.who(asked), asked.reason, until, lifted)
        return await rehearsed(parts(request), "switchover", order)

    # Checks come after a key that was used: by then the traffic has moved, or the time is over.
    async def carry_out(conn: AsyncConnection) -> CommandBody:
        _check_time(parts(request).now(), asked.scheduled_at)
        if asked.scheduled_at is None:
            _check_serving(request, source)
        ordered = await switchovers.ask(
            conn,
            from_site=source,
            to_site=target,
            owner=it.who(asked),
            reason=asked.reason,
            seconds=asked.within_s,
            scheduled_at=asked.scheduled_at,
            lifted_rules=frozenset(asked.lifted_rules),
        )
        if ordered is None:
            raise ProblemError(409, "switchover-pending", "another switchover is still to be done")
        when = f"at {ordered.scheduled_at.isoformat()}" if asked.scheduled_at else "next cycle"
        return CommandBody(
            action="switchover",
            dry_run=False,
            sentence=f"traffic moves to the {target.value} site {when}; "
            "GET /api/v1/failover shows how far it is",
            after=_json(answers.switchover_body(ordered)),
        )

    if dry_run:
        return it.answer(await rehearse())
    return await it.once("switchover", asked, carry_out)


@api.delete("/switchover", summary="Do not do what was scheduled", response_model=Answer)
async def cancel_switchover(it: Commands, asked: Ending) -> JSONResponse:
    """Only one that has not begun (409 if it has): a plan under way is carried to its end."""

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        before = await switchovers.pending(conn)
        if before is None:
            raise ProblemError(404, "no-switchover", "no switchover is to be done")
        if before.is_begun:
            raise ProblemError(
                409,
                "switchover-begun",
                "its plan is under way: POST /api/v1/failover/abort stops it",
            )
        await switchovers.end(conn, before.switchover_id, "cancelled", f"by {it.who(asked)}")
        return CommandBody(
            action="cancel switchover",
            dry_run=False,
            sentence=f"the switchover to the {before.to_site.value} site is not done",
            before=_json(answers.switchover_body(before)),
        )

    return await it.once("cancel switchover", asked, carry_out)


@api.put("/override", summary="Keep the traffic somewhere for a while", response_model=Answer)
async def set_override(
    request: Request, it: Commands, asked: OverrideCommand, *, dry_run: DryRun = False
) -> JSONResponse:
    """Whatever the sites' health; safety rules hold unless they are lifted by name.

    409 where `expected_state` is another one than the state now.
    """

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        _check_state(request, asked.expected_state)
        before = await orders.set_override(
            conn,
            Mode(asked.mode),
            owner=it.who(asked),
            reason=asked.reason,
            seconds=asked.ttl_s,
            lifted_rules=frozenset(asked.lifted_rules),
        )
        return CommandBody(
            action="override",
            dry_run=False,
            sentence=f"{asked.mode} for {asked.ttl_s:g} s, from the next cycle on",
            before=_json(answers.override_body(before)),
            after=_json(answers.override_body(await orders.override(conn))),
        )

    if dry_run:
        _check_state(request, asked.expected_state)
        until = parts(request).now() + timedelta(seconds=asked.ttl_s)
        lifted = frozenset(asked.lifted_rules)
        order = Override(Mode(asked.mode), it.who(asked), asked.reason, until, lifted)
        return it.answer(await rehearsed(parts(request), "override", order))
    return await it.once("override", asked, carry_out)


@api.delete("/override", summary="Decide by health again", response_model=Answer)
async def end_override(it: Commands, asked: Ending) -> JSONResponse:
    """Ends the override; nothing moves by that alone."""

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        before = await orders.end_override(conn, it.who(asked))
        if before is None:
            raise ProblemError(404, "no-override", "there is no override to end")
        return CommandBody(
            action="end override",
            dry_run=False,
            sentence="health decides again, from the next cycle on",
            before=_json(answers.override_body(before)),
        )

    return await it.once("end override", asked, carry_out)


@api.post("/pause", summary="Do nothing by itself for a while", response_model=Answer)
async def pause(it: Commands, asked: Timed) -> JSONResponse:
    """What an operator asks for is still done. A plan under way is carried to its end."""

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        before = await orders.set_pause(
            conn, owner=it.who(asked), reason=asked.reason, seconds=asked.ttl_s
        )
        return CommandBody(
            action="pause",
            dry_run=False,
            sentence=f"nothing is done by itself for {asked.ttl_s:g} s",
            before=_json(answers.pause_body(before)),
            after=_json(answers.pause_body(await orders.pause(conn))),
        )

    return await it.once("pause", asked, carry_out)


@api.post("/resume", summary="End the pause", response_model=Answer)
async def resume(it: Commands, asked: WithReason) -> JSONResponse:
    """404 where there is none."""

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        before = await orders.end_pause(conn, it.who(asked))
        if before is None:
            raise ProblemError(404, "not-paused", "there is no pause to end")
        return CommandBody(
            action="resume",
            dry_run=False,
            sentence="it acts by itself again, from the next cycle on",
            before=_json(answers.pause_body(before)),
        )

    return await it.once("resume", asked, carry_out)


@api.post("/ack", summary="Somebody has looked", response_model=Answer)
async def acknowledge(it: Commands, asked: WithReason) -> JSONResponse:
    """Clears the alarms of plans that ended badly, and the count of switches nobody asked for."""

    async def carry_out(conn: AsyncConnection) -> CommandBody:
        seen = await plans.acknowledge(conn, it.who(asked))
        return CommandBody(
            action="ack",
            dry_run=False,
            sentence=f"{len(seen)} plans are acknowledged",
            after={"plans": seen},
        )

    return await it.once("ack", asked, carry_out)


def _check_serving(request: Request, source: Site) -> None:
    posture = parts(request).last.situation.posture
    active = serving(posture) if posture is not None else None
    if active is not source:
        raise ProblemError(
            412,
            "not-serving",
            f"the {source.value} site does not serve now"
            + (f", the {active.value} site does" if active else ": which one does is not clear"),
        )


def _check_state(request: Request, expected: str | None) -> None:
    state = parts(request).last.decision.state.value
    if expected not in (None, state):
        raise ProblemError(
            409, "other-state", f"the state is {state} now, and {expected} was expected"
        )


def _check_time(now: datetime, scheduled_at: datetime | None) -> None:
    if scheduled_at is not None and not now <= scheduled_at <= now + _FARTHEST:
        raise parameter_error("scheduled_at", "it has to be between now and a year from now")


def _json(body: OverrideBody | PauseBody | SwitchoverBody | None) -> object:
    return None if body is None else body.model_dump(mode="json", by_alias=True)
