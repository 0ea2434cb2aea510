"""HTTP handlers that only tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.failover import answers
from services.failover.parts import parts
from services.failover.policy.model import Site
from services.failover.repository import (
    decisions,
    leases,
    orders,
    plans,
    practices,
    records,
    switchovers,
)
from shared.contracts.envelope import Envelope, Meta
from shared.contracts.failover import AuditBody, DecisionBody, FindingBody, StatusBody
from shared.contracts.failover_plans import PlanBody
from shared.web.problem import parameter_error
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.repository.decisions import DecisionRecord

api = APIRouter(
    prefix="/api/v1/failover", tags=["failover"], dependencies=[Depends(known_parameters_only)]
)

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]


@api.get("", summary="Where traffic is, why, and what that rests on")
async def show_status(request: Request) -> Envelope[StatusBody]:
    """As this process sees it. It watches even where another one acts."""
    started, it = time.perf_counter(), parts(request)
    cycle, now = it.last, it.now()
    async with it.engine.begin() as conn:
        lease = await leases.read(conn)
        latest = await plans.latest(conn, 1)
        body = StatusBody(
            state=cycle.decision.state.value,
            rule=cycle.decision.rule,
            sentence=cycle.decision.sentence,
            is_alarm=cycle.decision.is_alarm,
            plan_alarm=await switchovers.unacknowledged_alarm(conn),
            at=cycle.situation.inputs.at,
            posture=answers.posture_body(cycle.situation.posture, now),
            inputs={
                "service": {
                    site.value: answers.input_body(cycle.situation.inputs.service[site], now)
                    for site in Site
                },
                "bgp": {
                    site.value: answers.input_body(cycle.situation.inputs.bgp[site], now)
                    for site in Site
                },
            },
            plan_in_flight=answers.plan_body(await plans.running(conn)),
            last_plan=answers.plan_body(latest[0] if latest else None),
            switchover=answers.switchover_body(await switchovers.pending(conn)),
            practice=answers.practice_body(await practices.under_way(conn)),
            override=answers.override_body(await orders.override(conn)),
            pause=answers.pause_body(await orders.pause(conn)),
            lease=answers.lease_body(lease, it.leadership.generation),
            breakers=[answers.breaker_body(one) for one in it.breakers],
        )
    return Envelope(data=body, meta=_meta(started, 1))


@api.get("/history", summary="Decisions, the newest first, with what each was made of")
async def list_decisions(
    request: Request, *, limit: Limit = 50, cursor: Cursor = None
) -> Envelope[list[DecisionBody]]:
    """A decision is kept where it is another one than the last, and where it led to a plan."""
    started = time.perf_counter()
    before = number(cursor)
    async with parts(request).engine.connect() as conn:
        found = await decisions.latest(conn, limit, before=before)
        data = [await _with_plan(conn, one) for one in found]
    following = str(found[-1].decision_id) if len(found) == limit else None
    return Envelope(data=data, meta=_meta(started, len(data), following))


@api.get("/plans", summary="Plans, the newest first, each with its timeline")
async def list_plans(request: Request, *, limit: Limit = 20) -> Envelope[list[PlanBody]]:
    """What was sent, when, and by what evidence it was done."""
    started = time.perf_counter()
    async with parts(request).engine.connect() as conn:
        found = [answers.plan_body(one) for one in await plans.latest(conn, limit)]
    data = [one for one in found if one is not None]
    return Envelope(data=data, meta=_meta(started, len(data)))


@api.get("/preflight", summary="Whether GCP and Cloudflare would do what will be asked of them")
async def run_preflight(request: Request) -> Envelope[list[FindingBody]]:
    """Tokens, permissions, routers, routes: asked now, by calls that change nothing."""
    started = time.perf_counter()
    data = [
        FindingBody(
            what=one.what, is_fault=one.is_fault, is_warning=one.is_warning, detail=one.detail
        )
        for one in await parts(request).preflight()
    ]
    return Envelope(data=data, meta=_meta(started, len(data)))


@api.get("/audit", summary="What operators changed, the newest first")
async def list_audit(
    request: Request, *, limit: Limit = 50, cursor: Cursor = None
) -> Envelope[list[AuditBody]]:
    """Who, why, before and after."""
    started = time.perf_counter()
    async with parts(request).engine.connect() as conn:
        found = await records.audit(conn, limit, before=number(cursor))
    following = str(found[-1].audit_id) if len(found) == limit else None
    return Envelope(
        data=[answers.audit_body(one) for one in found], meta=_meta(started, len(found), following)
    )


async def _with_plan(conn: AsyncConnection, record: DecisionRecord) -> DecisionBody:
    plan = None
    if record.decision.plan is not None:
        plan = await switchovers.plan_of(conn, record.decision_id)
    return answers.decision_body(record, plan)


def number(cursor: str | None) -> int | None:
    """Of the row that a page ended with. 422 where it is none."""
    if cursor is None:
        return None
    if not cursor.isdecimal() or len(cursor) > 18:
        raise parameter_error("cursor", "give the `next_cursor` of the page before")
    return int(cursor)


def _meta(started: float, count: int, following: str | None = None) -> Meta:
    took = round((time.perf_counter() - started) * 1000, 3)
    return Meta(count=count, next_cursor=following, took_ms=took)
