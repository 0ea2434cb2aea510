"""What the API says of records, inputs and breakers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.repository.values import to_json
from shared.contracts.failover import (
    AuditBody,
    BreakerBody,
    DecisionBody,
    InputBody,
    LeaseBody,
    OverrideBody,
    PauseBody,
    PostureBody,
    PracticeBody,
    ReadingBody,
    SwitchoverBody,
)
from shared.contracts.failover_plans import ExchangeBody, PlanBody, RequestBody, StepBody

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.failover.acting.actuator import Request
    from services.failover.acting.journal import PlanRecord, StepRecord
    from services.failover.policy.decide import Override, Pause
    from services.failover.policy.model import Posture, Verdict
    from services.failover.repository.decisions import DecisionRecord
    from services.failover.repository.leases import LeaseRow
    from services.failover.repository.practices import PracticeRecord
    from services.failover.repository.records import AuditRow
    from services.failover.repository.switchovers import Switchover
    from shared.breaker import CircuitBreaker


def input_body(verdict: Verdict, now: datetime) -> InputBody:
    """One input with what each observer saw."""
    return InputBody(
        health=verdict.health.value,
        since=verdict.since,
        readings=[
            ReadingBody(
                observer=one.observer,
                health=one.health.value,
                detail=one.detail,
                age_s=_seconds(now, one.at),
            )
            for one in verdict.readings
        ],
    )


def posture_body(posture: Posture | None, now: datetime) -> PostureBody | None:
    """How the providers stand."""
    if posture is None:
        return None
    return PostureBody(
        active=posture.active.value if posture.active is not None else None,
        advertised={site.value: told for site, told in posture.advertised.items()},
        preferred=posture.preferred.value if posture.preferred is not None else None,
        detail=posture.detail,
        age_s=_seconds(now, posture.at),
    )


def plan_body(plan: PlanRecord | None) -> PlanBody | None:
    """A plan with its steps."""
    if plan is None:
        return None
    return PlanBody(
        id=plan.plan_id,
        target=plan.target.value,
        reason=plan.reason,
        state=plan.state.value,
        asked_by=plan.asked_by,
        aborted_by=plan.aborted_by,
        begun_at=plan.begun_at,
        ended_at=plan.ended_at,
        detail=plan.detail,
        alarm=plan.alarm,
        convergence_s=plan.convergence_s,
        steps=[_step(step) for step in plan.steps],
    )


def _step(step: StepRecord) -> StepBody:
    return StepBody(
        kind=step.step.kind.value,
        site=step.step.site.value,
        is_undo=step.is_undo,
        state=step.state.value,
        diff=dict(step.step.diff),
        request_id=step.request_id,
        requests=request_bodies(step.requests),
        exchanges=[ExchangeBody.model_validate(one) for one in step.exchanges],
        begun_at=step.begun_at,
        ended_at=step.ended_at,
        detail=step.detail,
        evidence=dict(step.evidence),
    )


def request_bodies(requests: Sequence[Request]) -> list[RequestBody]:
    """Requests as they go out."""
    return [RequestBody(method=one.method, url=one.url, body=one.body) for one in requests]


def override_body(override: Override | None) -> OverrideBody | None:
    """The override that stands."""
    if override is None:
        return None
    return OverrideBody(
        mode=override.mode.value,
        owner=override.owner,
        reason=override.reason,
        until=override.until,
        lifted_rules=sorted(override.lifted_rules),
    )


def pause_body(pause: Pause | None) -> PauseBody | None:
    """The pause that stands."""
    if pause is None:
        return None
    return PauseBody(owner=pause.owner, reason=pause.reason, until=pause.until)


def switchover_body(it: Switchover | None) -> SwitchoverBody | None:
    """The switchover that is still to be done."""
    if it is None:
        return None
    return SwitchoverBody(
        id=it.switchover_id,
        from_site=it.from_site.value,
        to_site=it.to_site.value,
        owner=it.owner,
        reason=it.reason,
        scheduled_at=it.scheduled_at,
        until=it.until,
    )


def practice_body(it: PracticeRecord | None) -> PracticeBody | None:
    """A practice run with what was done in it."""
    if it is None:
        return None
    run = it.run
    return PracticeBody.model_validate(
        {
            "id": it.practice_id,
            "mode": it.mode,
            "owner": run.owner,
            "reason": run.reason,
            "scheduled_for": it.scheduled_for,
            "asked_at": it.asked_at,
            "state": run.phase.value,
            "home": run.home.value if run.home is not None else None,
            "begun_at": it.begun_at,
            "stay_s": run.stay.total_seconds(),
            "back_at": run.back_at,
            "until": run.until,
            "ended_at": it.ended_at,
            "outcome": run.outcome.value if run.outcome is not None else None,
            "detail": run.detail,
            "out": plan_body(it.out),
            "back": plan_body(it.back),
            "steps": it.steps,
        }
    )


def lease_body(lease: LeaseRow | None, generation: int | None) -> LeaseBody | None:
    """The lease; `generation` is the one that this process holds."""
    if lease is None:
        return None
    return LeaseBody(
        owner=lease.owner,
        generation=lease.generation,
        expires_at=lease.expires_at,
        is_held=lease.is_held,
        is_ours=lease.is_held and lease.generation == generation,
    )


def breaker_body(breaker: CircuitBreaker) -> BreakerBody:
    """A circuit breaker as it is now."""
    found = breaker.snapshot()
    return BreakerBody(
        name=found.name,
        state=found.state.value,
        retry_after_s=found.retry_after,
        last_error=found.last_error,
        forced_by=found.forced.owner if found.forced is not None else None,
        forced_reason=found.forced.reason if found.forced is not None else None,
    )


def decision_body(record: DecisionRecord, plan: PlanRecord | None) -> DecisionBody:
    """A decision, and what was done of it."""
    decision = record.decision
    return DecisionBody(
        id=record.decision_id,
        at=record.situation.inputs.at,
        generation=record.generation,
        state=decision.state.value,
        rule=decision.rule,
        sentence=decision.sentence,
        is_alarm=decision.is_alarm,
        target=decision.plan.target.value if decision.plan is not None else None,
        situation=to_json(record.situation),
        limits=to_json(record.limits),
        diff=[to_json(step) for step in decision.plan.steps] if decision.plan is not None else [],
        violations=[to_json(one) for one in decision.violations],
        plan=plan_body(plan),
    )


def audit_body(row: AuditRow) -> AuditBody:
    """A change that somebody made."""
    return AuditBody(
        id=row.audit_id,
        at=row.at,
        who=row.who,
        action=row.action,
        why=row.why,
        before=row.before,
        after=row.after,
    )


def _seconds(now: datetime, then: datetime) -> float:
    return max(0.0, (now - then).total_seconds())
