"""Practice runs from outside: begun, refused, turned back, carried on by another process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import text

from services.failover.acting.journal import LeaseLostError
from services.failover.control.schedule import Schedule, coming, scheduled
from tests.failover.running import LOCAL_SERVES, REMOTE_SERVES, running
from tests.failover.world import World
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.failover.running import Service

REAL = {"reason": "the first of the month", "owner": "ada", "mode": "real"}
SHORT, LONG = {"stay_s": 0.001}, {"stay_s": 3600}
WHO = "ada (127.0.0.1)"


async def test_the_traffic_goes_to_the_other_site_and_comes_back(service: Service) -> None:
    asked = await service.asks("POST", "/practice", json=REAL | SHORT)
    assert asked["after"]["state"] == "pending"
    assert await service.cycle() == "practice"
    assert service.world.traffic() == REMOTE_SERVES
    assert await service.cycle() == "practice"
    assert service.world.traffic() == LOCAL_SERVES
    assert await service.cycle() == "all_well"
    (run,) = await service.asks("GET", "/practice")
    assert (run["state"], run["outcome"], run["home"]) == ("ended", "succeeded", "local")
    assert run["detail"] == "the traffic went there and came back"
    for way, target in (("out", "remote"), ("back", "local")):
        assert (run[way]["target"], run[way]["state"]) == (target, "done")
        assert run[way]["asked_by"] == f"practice run by {WHO}"
        assert run[way]["convergence_s"] >= 0
    noted = [one["action"] for one in reversed(await service.asks("GET", "/audit"))]
    assert noted == [
        "practice run",
        *(f"practice run {phase}" for phase in ("out", "back", "ended")),
    ]
    rules = [one["rule"] for one in await service.asks("GET", "/history")]
    assert rules[:3] == ["all_well", "practice", "practice"]
    status = await service.asks("GET", "")
    assert (status["practice"], status["plan_alarm"]) == (None, None)


async def test_it_stays_as_long_as_it_is_to_and_nothing_else_moves_it(service: Service) -> None:
    await service.asks("POST", "/practice", json=REAL | LONG)
    for _ in range(3):
        assert await service.cycle() == "practice"
        assert service.world.traffic() == REMOTE_SERVES
    status = await service.asks("GET", "")
    assert status["practice"]["state"] == "stay"
    assert len(await service.asks("GET", "/plans")) == 1


async def test_a_dry_one_is_the_default_and_asks_the_providers(service: Service) -> None:
    done = await service.asks("POST", "/practice", json={"reason": "does it still work?"})
    assert done["dry_run"] is True
    assert done["sentence"] == "succeeded: the providers would take each of 5 steps"
    steps = {(one["kind"], one["site"]): one for one in done["steps"]}
    assert steps["advertise", "remote"]["asked"]["url"].endswith("/routers/rt-west/preview")
    said = steps["advertise", "remote"]["said"]["bgp"]["advertisedIpRanges"]
    assert said[0]["range"] == "203.0.113.0/24"
    assert steps["prefer", "remote"]["asked"]["url"].endswith("routes?validate_only=true")
    assert steps["prefer", "remote"]["said"] == {"modified": False, "modified_routes": []}
    (run,) = await service.asks("GET", "/practice")
    assert (run["mode"], run["state"], run["outcome"]) == ("dry", "ended", "succeeded")
    assert run["steps"] == done["steps"]
    assert await service.cycle() == "all_well"
    assert service.world.traffic() == LOCAL_SERVES
    assert await service.asks("GET", "/plans") == []


async def test_a_dry_one_finds_what_a_provider_would_not_do(service: Service) -> None:
    service.world.cloudflare.token.may = frozenset({"read"})
    done = await service.asks("POST", "/practice", json={"reason": "does it still work?"})
    assert done["sentence"].startswith("failed: prefer remote: Cloudflare validation of a bulk ")
    (run,) = await service.asks("GET", "/practice")
    assert run["outcome"] == "failed"


async def test_no_transaction_waits_for_what_a_provider_says(
    service: Service, engine: AsyncEngine
) -> None:
    goes_on = asyncio.Event()
    service.world.gcp.troubles.append(Trouble("/preview", times=None, until=goes_on))
    asking = asyncio.create_task(service.asks("POST", "/practice", json={"reason": "x"}))
    while not any("/preview" in one for one in service.world.gcp.asked):
        await asyncio.sleep(0.01)
    async with engine.connect() as conn:
        found = await conn.execute(text(_IDLE))
        assert found.scalar_one() == 0
    goes_on.set()
    assert (await asking)["sentence"].startswith("succeeded")


_IDLE = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
   AND state LIKE 'idle in transaction%'
"""


async def test_none_begins_unless_all_is_well(service: Service) -> None:
    service.world.break_site("us-west1")
    await service.cycle()
    why = await service.is_refused(412, "POST", "/practice", json=REAL)
    assert "service of the remote site is unhealthy" in why
    dry = await service.asks("POST", "/practice", json={"reason": "x"})
    assert dry["sentence"] == f"refused: {why}"
    assert await service.asks("GET", "/audit") != []


async def test_none_begins_where_somebody_has_said_something_since_the_last_cycle(
    service: Service,
) -> None:
    await service.asks("POST", "/pause", json={"reason": "works", "ttl_s": 600})
    why = await service.is_refused(412, "POST", "/practice", json=REAL)
    assert "127.0.0.1 paused it" in why


async def test_one_that_was_asked_for_does_not_begin_into_trouble(service: Service) -> None:
    await service.asks("POST", "/practice", json=REAL)
    await service.is_refused(409, "POST", "/practice", json=REAL)
    service.world.break_site("us-west1")
    await service.cycle()
    (run,) = await service.asks("GET", "/practice")
    assert (run["outcome"], run["out"]) == ("refused", None)
    assert "service of the remote site is unhealthy" in run["detail"]
    assert service.world.traffic() == LOCAL_SERVES


async def test_it_comes_back_as_soon_as_the_other_site_is_not_well(service: Service) -> None:
    await service.asks("POST", "/practice", json=REAL | LONG)
    await service.cycle()
    assert service.world.traffic() == REMOTE_SERVES
    service.world.break_site("us-west1")
    assert await service.cycle() == "practice"
    assert service.world.traffic() == LOCAL_SERVES
    await service.cycle()
    (run,) = await service.asks("GET", "/practice")
    assert run["outcome"] == "failed"
    assert run["detail"] == "the remote site was not well; the traffic went there and came back"


async def test_where_neither_site_is_well_it_is_over_and_everything_stays(
    service: Service,
) -> None:
    await service.asks("POST", "/practice", json=REAL | LONG)
    await service.cycle()
    for region in ("us-west1", "us-east1"):
        service.world.break_site(region)
    assert await service.cycle() == "target_is_well"
    (run,) = await service.asks("GET", "/practice")
    assert run["outcome"] == "failed"
    assert await service.cycle() == "both_unhealthy"
    assert service.world.traffic() == REMOTE_SERVES


async def test_a_site_at_home_that_fails_meanwhile_keeps_the_traffic_where_it_is(
    service: Service,
) -> None:
    await service.asks("POST", "/practice", json=REAL | LONG)
    await service.cycle()
    service.world.break_site("us-east1")
    assert await service.cycle() == "practice"
    await service.asks("DELETE", "/practice?reason=over")
    assert await service.cycle() == "target_is_well"
    assert await service.cycle() == "all_well"
    assert service.world.traffic() == REMOTE_SERVES


async def test_somebody_may_end_it(service: Service) -> None:
    await service.is_refused(404, "DELETE", "/practice?reason=over")
    await service.asks("POST", "/practice", json=REAL | LONG)
    await service.asks("DELETE", "/practice?reason=over")
    assert await service.cycle() == "all_well"
    await service.asks("POST", "/practice", json=REAL | LONG)
    await service.cycle()
    ended = await service.asks("DELETE", "/practice?reason=over")
    assert ended["after"]["outcome"] == "interrupted"
    assert await service.cycle() == "practice"
    assert service.world.traffic() == LOCAL_SERVES
    await service.cycle()
    runs = await service.asks("GET", "/practice")
    assert [one["outcome"] for one in runs] == ["interrupted", "interrupted"]
    assert runs[0]["detail"] == "127.0.0.1 ended it; the traffic went there and came back"


async def test_a_pause_stops_it_where_it_is(service: Service) -> None:
    await service.asks("POST", "/practice", json=REAL | SHORT)
    await service.cycle()
    await service.asks("POST", "/pause", json={"reason": "wait", "ttl_s": 600, "owner": "bob"})
    assert await service.cycle() == "paused"
    assert service.world.traffic() == REMOTE_SERVES
    (run,) = await service.asks("GET", "/practice")
    assert run["outcome"] == "interrupted"
    assert run["detail"] == ("bob (127.0.0.1) paused it: wait; the traffic stays where it is")


async def test_a_way_out_that_bmp_does_not_show_is_taken_back(service: Service) -> None:
    service.world.deaf = True
    await service.asks("POST", "/practice", json=REAL | LONG)
    await service.cycle()
    await service.cycle()
    (run,) = await service.asks("GET", "/practice")
    assert (run["outcome"], run["out"]["alarm"]) == ("failed", "bmp_disagrees")
    assert service.world.traffic() == LOCAL_SERVES
    service.world.deaf = False
    why = await service.is_refused(412, "POST", "/practice", json=REAL)
    assert why.startswith("an alarm is open: confirm_seen remote failed")
    await service.asks("POST", "/ack", json={"reason": "the collector was off"})
    await service.asks("POST", "/practice", json=REAL)


async def test_another_process_carries_it_on(engine: AsyncEngine) -> None:
    world = World()
    async with running(world, engine) as first:
        await first.asks("POST", "/practice", json=REAL | {"stay_s": 1})
        await first.cycle()
        assert world.traffic() == REMOTE_SERVES
    async with running(world, engine) as second:
        while world.traffic() != LOCAL_SERVES:
            assert await second.cycle() == "practice"
        await second.cycle()
        (run,) = await second.asks("GET", "/practice")
    assert (run["outcome"], run["back"]["state"]) == ("succeeded", "done")


async def test_who_lost_the_lease_does_not_carry_it_on(
    service: Service, engine: AsyncEngine
) -> None:
    await service.asks("POST", "/practice", json=REAL | LONG)
    async with engine.begin() as conn:
        await conn.execute(text("UPDATE failover.lease SET generation = generation + 1"))
    with pytest.raises(LeaseLostError):
        await service.cycle()
    (run,) = await service.asks("GET", "/practice")
    assert run["state"] == "pending"
    assert service.world.traffic() == LOCAL_SERVES


# ---- by themselves

EVERY_SECOND = CronTrigger(second="*", timezone=UTC)


def every_second(*, is_real: bool) -> Schedule:
    return Schedule(EVERY_SECOND, is_real, timedelta(hours=1), "a test")


@pytest.mark.parametrize("is_real", [False, True])
async def test_one_comes_by_itself_when_its_time_comes(service: Service, *, is_real: bool) -> None:
    with coming(every_second(is_real=is_real), service.parts):
        while not (runs := await service.asks("GET", "/practice")):
            await asyncio.sleep(0.05)
    assert {one["mode"] for one in runs} == {"real" if is_real else "dry"}
    assert runs[-1]["owner"] == "the schedule"
    assert runs[-1]["scheduled_for"] is not None
    if is_real:
        assert await service.cycle() == "practice"
        assert service.world.traffic() == REMOTE_SERVES
    else:
        assert runs[-1]["outcome"] == "succeeded"
        assert service.world.traffic() == LOCAL_SERVES


async def test_two_processes_begin_one_at_a_time_of_the_schedule(service: Service) -> None:
    yearly = CronTrigger.from_crontab(f"{datetime.now(UTC):%M} * * * *", timezone=UTC)
    schedule = Schedule(yearly, True, timedelta(hours=1), "a test")
    await asyncio.gather(*(schedule.come(service.parts) for _ in range(4)))
    (run,) = await service.asks("GET", "/practice")
    await service.asks("DELETE", "/practice?reason=over")
    await schedule.come(service.parts)
    assert [one["id"] for one in await service.asks("GET", "/practice")] == [run["id"]]


def test_none_comes_by_itself_unless_it_is_set() -> None:
    assert scheduled(World().settings()) is None
    one = scheduled(World().settings(failover_practice_cron="0 3 * * tue"))
    assert one is not None
    assert (one.is_real, one.stay) == (False, timedelta(minutes=30))
