"""Plans that are stopped, and commands and plans that outlive a process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.failover.running import LOCAL_SERVES, REMOTE_SERVES, running
from tests.failover.world import World
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.failover.running import Service

MOVE = {"from": "local", "to": "remote", "reason": "maintenance", "owner": "ada"}
STOP = {"reason": "the wrong moment", "owner": "bob"}


async def until(service: Service, kind: str) -> dict[str, Any]:
    """The plan under way once it is at this step."""
    while True:
        plan = (await service.asks("GET", ""))["plan_in_flight"]
        if plan is not None and any(
            step["kind"] == kind and step["state"] == "begun" for step in plan["steps"]
        ):
            return dict(plan)
        await asyncio.sleep(0.01)


async def waiting(service: Service) -> dict[str, Any]:
    """A plan that waits for what BMP does not show."""
    service.world.deaf = True
    await service.parts.controller.cycle()
    return await until(service, "confirm_seen")


async def begun(service: Service) -> dict[str, Any]:
    """The plan of a switchover that somebody asked for, when it waits for BMP."""
    await service.asks("POST", "/switchover", json=MOVE)
    return await waiting(service)


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


async def pass_by(engine: AsyncEngine, time: timedelta) -> None:
    """As if so much time had passed since the switchover was asked for."""
    async with engine.begin() as conn:
        await conn.execute(
            text(
                "UPDATE failover.switchover "
                "SET scheduled_at = scheduled_at - CAST(:time AS interval), "
                "until = until - CAST(:time AS interval)"
            ),
            {"time": time},
        )


async def test_a_plan_under_way_is_stopped_and_taken_back(service: Service) -> None:
    service.world.break_site("us-east1")
    plan = await waiting(service)
    done = await service.asks("POST", "/abort", json=STOP)
    assert done["before"]["plan"] == plan["id"]
    assert (done["after"]["aborted_by"], done["after"]["pause_s"]) == ("bob (127.0.0.1)", 3600)
    again = await service.asks("POST", "/abort", json=STOP | {"owner": "eve"})
    assert again["after"] == done["after"] | {"pause_s": 0}
    pause = (await service.asks("GET", ""))["pause"]
    assert (pause["owner"], pause["reason"]) == ("bob (127.0.0.1)", "the wrong moment")
    await service.parts.controller.rest()
    (ended,) = await service.asks("GET", "/plans")
    assert (ended["state"], ended["alarm"]) == ("undone", "aborted")
    assert ended["detail"] == (
        "stopped at confirm_seen remote: bob (127.0.0.1) aborted it: the wrong moment; "
        "all is as before"
    )
    assert service.world.traffic() == LOCAL_SERVES
    service.world.deaf = False
    assert await service.cycle() == "paused"
    nothing = await service.asks("POST", "/abort", json=STOP)
    assert nothing["sentence"] == "no plan is under way: nothing is stopped"
    noted = [(one["who"], one["action"]) for one in await service.asks("GET", "/audit")]
    assert noted == [
        ("bob (127.0.0.1)", "abort"),
        ("eve (127.0.0.1)", "abort"),
        ("bob (127.0.0.1)", "abort"),
    ]


async def test_a_switchover_that_is_stopped_is_over_and_nothing_is_paused(
    service: Service,
) -> None:
    await begun(service)
    done = await service.asks("POST", "/abort", json=STOP)
    assert done["sentence"].startswith("the plan to the remote site stops at its next step, and ")
    assert done["after"]["pause_s"] == 0
    await service.parts.controller.rest()
    assert await service.cycle() == "all_well"
    status = await service.asks("GET", "")
    assert (status["switchover"], status["pause"]) == (None, None)
    assert status["plan_alarm"].startswith("stopped at confirm_seen remote")
    assert service.world.traffic() == LOCAL_SERVES


@pytest.mark.parametrize(("longer", "left"), [(7200, 7200), (60, 600)])
async def test_the_pause_that_is_asked_for_never_shortens_one(
    service: Service, longer: float, left: float
) -> None:
    await begun(service)
    await service.asks("POST", "/pause", json={"reason": "works", "ttl_s": longer})
    await service.asks("POST", "/abort", json=STOP | {"pause_s": 600})
    ends = datetime.fromisoformat((await service.asks("GET", ""))["pause"]["until"])
    assert abs((ends - datetime.now(UTC)).total_seconds() - left) < 30
    await service.parts.controller.rest()


async def test_a_practice_run_that_is_stopped_on_its_way_is_over(service: Service) -> None:
    real = {"reason": "the first of the month", "mode": "real"}
    await service.asks("POST", "/practice", json=real)
    await waiting(service)
    await service.asks("POST", "/abort", json=STOP)
    await service.parts.controller.rest()
    await service.cycle()
    (run,) = await service.asks("GET", "/practice")
    assert run["outcome"] == "interrupted"
    assert service.world.traffic() == LOCAL_SERVES


async def test_who_stops_a_plan_too_late_is_told_so(service: Service) -> None:
    service.world.gcp.troubles.append(Trouble("PATCH .*rt-east", times=None, status=503, body={}))
    await service.asks("POST", "/switchover", json=MOVE)
    await service.parts.controller.cycle()
    await until(service, "withdraw")
    done = await service.asks("POST", "/abort", json=STOP)
    assert done["sentence"].startswith(
        "the plan to the remote site is carried to its end, since the old site was told to withdraw"
    )
    service.world.gcp.troubles.clear()
    await service.parts.controller.rest()
    (ended,) = await service.asks("GET", "/plans")
    assert ended["alarm"] != "aborted"


async def test_a_process_that_ends_leaves_the_word_to_the_next(engine: AsyncEngine) -> None:
    world = World()
    async with running(world, engine) as first:
        await begun(first)
        await first.parts.controller.stop()
        await first.asks("POST", "/abort", json=STOP)
    async with running(world, engine) as second:
        await second.parts.controller.rest()
        (ended,) = await second.asks("GET", "/plans")
    assert (ended["state"], ended["alarm"]) == ("undone", "aborted")
    assert world.traffic() == LOCAL_SERVES


async def test_a_switchover_for_later_is_done_by_whoever_runs_then(engine: AsyncEngine) -> None:
    world = World()
    async with running(world, engine) as first:
        await first.asks("POST", "/switchover", json=MOVE | {"scheduled_at": in_an_hour()})
        assert await first.cycle() == "all_well"
    async with running(world, engine) as second:
        await pass_by(engine, timedelta(minutes=61))
        assert await second.cycle() == "override"
        assert world.traffic() == REMOTE_SERVES
        assert (await second.asks("GET", ""))["switchover"] is None
        (plan,) = await second.asks("GET", "/plans")
    assert (plan["state"], plan["asked_by"]) == ("done", "ada (127.0.0.1)")


async def test_a_command_is_answered_as_the_first_time_also_when_it_is_done(
    service: Service,
) -> None:
    key = {"headers": {"Idempotency-Key": "one"}}
    first = await service.asks("POST", "/switchover", json=MOVE, **key)
    assert await service.cycle() == "override"
    assert service.world.traffic() == REMOTE_SERVES
    assert await service.asks("POST", "/switchover", json=MOVE, **key) == first
    assert await service.cycle() == "failback_is_manual"
    real = {"reason": "the first of the month", "mode": "real", "stay_s": 600}
    key = {"headers": {"Idempotency-Key": "two"}}
    first = await service.asks("POST", "/practice", json=real, **key)
    assert await service.cycle() == "practice"
    assert await service.asks("POST", "/practice", json=real, **key) == first
    assert len(await service.asks("GET", "/practice")) == 1
    assert len(await service.asks("GET", "/audit")) == 3


async def test_a_switchover_whose_time_went_by_is_not_done_any_more(engine: AsyncEngine) -> None:
    world = World()
    later = MOVE | {"scheduled_at": in_an_hour(), "within_s": 60}
    async with running(world, engine) as first:
        await first.asks("POST", "/switchover", json=later)
    await pass_by(engine, timedelta(minutes=62))
    async with running(world, engine) as second:
        assert await second.cycle() == "all_well"
        assert (await second.asks("GET", ""))["switchover"] is None
    async with engine.connect() as conn:
        found = await conn.execute(text("SELECT state FROM failover.switchover"))
        assert found.scalars().all() == ["expired"]
    assert world.traffic() == LOCAL_SERVES


async def test_a_switchover_that_was_begun_does_not_expire_and_is_not_taken_back(
    service: Service, engine: AsyncEngine
) -> None:
    await service.asks("POST", "/switchover", json=MOVE | {"within_s": 600})
    plan = await waiting(service)
    await pass_by(engine, timedelta(minutes=11))
    assert (await service.asks("GET", ""))["switchover"]["to"] == "remote"
    why = await service.is_refused(409, "DELETE", "/switchover?reason=no")
    assert why == "its plan is under way: POST /api/v1/failover/abort stops it"
    service.world.deaf = False
    service.world._saw("us-west1", announced=True)
    await service.parts.controller.rest()
    assert (await service.asks("GET", ""))["switchover"] is None
    async with engine.connect() as conn:
        found = await conn.execute(text("SELECT state, plan_id::text FROM failover.switchover"))
        assert found.all() == [("done", plan["id"])]


async def test_a_switchover_whose_plan_ended_in_a_process_that_died_then_is_not_done_again(
    engine: AsyncEngine,
) -> None:
    world = World()
    async with running(world, engine) as first:
        plan = await begun(first)
        await first.asks("POST", "/abort", json=STOP)
        await first.parts.controller.rest()
    async with running(world, engine) as second:
        assert await second.cycle() == "all_well"
        assert [one["id"] for one in await second.asks("GET", "/plans")] == [plan["id"]]
    async with engine.connect() as conn:
        found = await conn.execute(text("SELECT state, plan_id::text FROM failover.switchover"))
        assert found.all() == [("failed", plan["id"])]


async def test_who_has_lost_the_lease_does_nothing_more_and_the_next_carries_on(
    engine: AsyncEngine,
) -> None:
    world = World()
    async with running(world, engine) as first:
        plan = await begun(first)
        async with engine.begin() as conn:
            await conn.execute(text("UPDATE failover.lease SET expires_at = clock_timestamp()"))
        async with running(world, engine) as second:
            assert second.parts.leadership.generation == 2
            sent = len(world.cloudflare.requests)
            world.deaf = False
            world._saw("us-west1", announced=True)
            await first.parts.controller.rest()
            assert len([one for one in world.cloudflare.requests[sent:] if one.method == "PUT"]) < 2
            await second.parts.controller.rest()
            (ended,) = await second.asks("GET", "/plans")
    assert (ended["id"], ended["state"]) == (plan["id"], "done")
    assert world.traffic() == REMOTE_SERVES
