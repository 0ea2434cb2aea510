"""Decisions, operators' orders, the audit and keys of commands, in the database."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from services.failover.acting.journal import StepState
from services.failover.control.housekeeping import EVERY_SECONDS, keep_house
from services.failover.policy.decide import Mode, decide
from services.failover.policy.model import Site
from services.failover.policy.plan import switch
from services.failover.repository import decisions, leases, orders, plans, records
from services.failover.repository.journal import PostgresJournal
from tests.failover.policy.situations import LIMITS, NOW, QUIET, UNHEALTHY, inputs, posture

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

FLIP = "11111111-1111-4111-8111-111111111111"
ASKED = "22222222-2222-4222-8222-222222222222"


async def test_a_recorded_history_gives_the_same_decisions_again(engine: AsyncEngine) -> None:
    quiet = decide(QUIET, LIMITS)
    ill = QUIET.__class__(inputs(local=UNHEALTHY), *_rest_of(QUIET))
    made = [(QUIET, quiet), (ill, decide(ill, LIMITS))]
    async with engine.begin() as conn:
        for situation, decision in made:
            await decisions.record(conn, situation, LIMITS, decision, generation=1)
        found = await decisions.latest(conn, 10)
        page = await decisions.latest(conn, 10, before=found[0].decision_id)
    assert [(one.situation, one.decision) for one in found] == made[::-1]
    assert all(decide(one.situation, one.limits) == one.decision for one in found)
    assert [one.decision_id for one in page] == [found[1].decision_id]


def _rest_of(situation: object) -> list[object]:
    return [getattr(situation, name) for name in situation.__slots__[1:]]  # type: ignore[attr-defined]


async def test_old_decisions_go_unless_a_plan_came_of_them(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        kept, _ = [
            await decisions.record(conn, QUIET, LIMITS, decide(QUIET, LIMITS), generation=None)
            for _ in range(2)
        ]
        plan = switch(posture(), Site.REMOTE, reason="")
        await plans.insert(conn, FLIP, plan, asked_by=None, decision_id=kept, generation=1)
        assert await decisions.forget(conn, NOW) == 0
        assert await decisions.forget(conn, NOW + timedelta(seconds=1)) == 1
        assert [one.decision_id for one in await decisions.latest(conn, 10)] == [kept]


async def test_flips_are_the_plans_that_nobody_asked_for_until_somebody_looks(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        generation = await leases.take(conn, "me", 60)
    journal = PostgresJournal(engine, lambda: generation)
    plan = switch(posture(), Site.REMOTE, reason="")
    for plan_id, asked_by in ((FLIP, None), (ASKED, "ada")):
        record = await journal.open(plan_id, plan, asked_by=asked_by, decision_id=None)
        await journal.close(
            record.plan_id, plans.PlanState.UNDONE, detail="", alarm=None, convergence_s=None
        )
    async with engine.begin() as conn:
        flip, _ = sorted(await plans.latest(conn, 5), key=lambda one: one.begun_at)
        assert await plans.flips(conn, NOW) == (flip.begun_at,)
        assert sorted(await plans.acknowledge(conn, "ada")) == [FLIP, ASKED]
        assert await plans.flips(conn, NOW) == ()


async def test_the_timeline_in_the_documents_is_that_of_the_last_switch(
    engine: AsyncEngine,
) -> None:
    page = (Path(__file__).parents[3] / "docs/failover.md").read_text()
    (query,) = re.findall(r"^ +SELECT ordinal.*?;$", page, re.DOTALL | re.MULTILINE)
    async with engine.begin() as conn:
        generation = await leases.take(conn, "me", 60)
    journal = PostgresJournal(engine, lambda: generation)
    plan = switch(posture(), Site.REMOTE, reason="")
    await journal.open(FLIP, plan, asked_by=None, decision_id=None)
    await journal.begin(FLIP, 0, "id-1", [])
    await journal.finish(FLIP, 0, StepState.DONE, {})
    async with engine.connect() as conn:
        rows = (await conn.execute(text(query))).all()
    assert [row.kind for row in rows] == [step.kind.value for step in plan.steps]
    assert rows[0].took >= timedelta(0)
    assert rows[1].took is None


async def test_an_override_replaces_the_one_before_and_ends_by_itself(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        said = {"owner": "ada", "reason": "a drill"}
        assert await orders.set_override(conn, Mode.HOLD, seconds=60, **said) is None
        lifted = frozenset({"target_is_well"})
        before = await orders.set_override(
            conn, Mode.REMOTE, seconds=60, lifted_rules=lifted, owner="bob", reason="now"
        )
        now = await orders.override(conn)
        assert before is not None
        assert now is not None
        assert (before.mode, before.owner, before.reason) == (Mode.HOLD, "ada", "a drill")
        assert (now.mode, now.owner, now.lifted_rules) == (Mode.REMOTE, "bob", lifted)
        assert await orders.end_override(conn, "ada") == now
        assert await orders.override(conn) is None
        await orders.set_override(conn, Mode.HOLD, seconds=0, **said)
        assert await orders.override(conn) is None
        await orders.set_override(conn, Mode.HOLD, seconds=60, owner="eve", reason="later")
        rows = await conn.execute(
            text(
                "SELECT ended_by, ended_at = until FROM failover.override"
                " WHERE ended_at IS NOT NULL ORDER BY override_id"
            )
        )
        assert rows.all() == [("bob", False), ("ada", False), (None, True)]


async def test_a_pause_holds_until_it_is_ended(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        assert await orders.set_pause(conn, owner="ada", reason="works", seconds=60) is None
        now = await orders.pause(conn)
        assert now is not None
        assert (now.owner, now.reason) == ("ada", "works")
        assert await orders.end_pause(conn, "bob") == now
        assert await orders.pause(conn) is None


async def test_two_orders_at_once_leave_one(engine: AsyncEngine) -> None:
    async def order(owner: str) -> None:
        async with engine.begin() as conn:
            await orders.set_override(conn, Mode.HOLD, owner=owner, reason="", seconds=60)

    await asyncio.gather(*(order(str(number)) for number in range(4)))
    async with engine.begin() as conn:
        assert await orders.override(conn) is not None


async def test_a_change_is_noted_with_before_and_after(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await records.note(
            conn, who="ada", action="pause", why="works", after=orders.Pause("ada", "works", NOW)
        )
        (row,) = await records.audit(conn, 10)
    assert (row.who, row.action, row.why, row.before) == ("ada", "pause", "works", None)
    assert row.after == {"owner": "ada", "reason": "works", "until": NOW.isoformat()}


async def test_a_key_is_claimed_once_and_then_has_its_answer(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        assert await records.claim(conn, "ada", "k", "print") is None
        assert await records.claim(conn, "bob", "k", "print") is None
        claimed = await records.claim(conn, "ada", "k", "print")
        assert claimed is not None
        assert claimed.status is None
        await records.answer(conn, "ada", "k", 202, {"plan": FLIP})
        assert await records.claim(conn, "ada", "k", "other") == records.Claimed(
            "print", 202, {"plan": FLIP}
        )
        assert await records.forget_answers(conn, NOW + timedelta(days=36_500)) == 2


async def test_what_is_old_is_dropped_every_hour(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await decisions.record(conn, QUIET, LIMITS, decide(QUIET, LIMITS), generation=None)
        await records.claim(conn, "ada", "k", "print")
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise asyncio.CancelledError

    moments = iter((NOW, datetime.now(UTC) + timedelta(days=91)))
    with pytest.raises(asyncio.CancelledError):
        await keep_house(engine, now=lambda: next(moments), sleep=sleep)
    async with engine.begin() as conn:
        assert await decisions.latest(conn, 10) == []
        assert await records.claim(conn, "ada", "k", "other") is None
    assert waits == [EVERY_SECONDS] * 3
