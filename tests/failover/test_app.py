"""The failover service from outside: what operators see, ask for, and are refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.failover.app import create_app
from services.failover.policy.decide import decide
from services.failover.repository import decisions
from tests.failover.running import EAST, LOCAL_SERVES, REMOTE_SERVES, WEST
from tests.fakes import gcp
from tests.fakes.gcp_state import Outcome

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.failover.running import Service

MOVE = {"from": "local", "to": "remote", "reason": "maintenance", "owner": "ada"}


async def test_the_state_is_told_with_what_it_rests_on(service: Service) -> None:
    status = await service.asks("GET", "")
    assert (status["state"], status["rule"], status["is_alarm"]) == ("both", "all_well", False)
    assert status["sentence"] == "the local site serves and is well"
    assert status["posture"]["active"] == "local"
    backends = status["inputs"]["service"]["remote"]["readings"][0]
    assert backends["observer"] == "gcp_backends"
    assert backends["health"] == "healthy"
    assert status["lease"]["is_ours"] is True
    assert "cloudflare/write" in {one["name"] for one in status["breakers"]}


async def test_a_site_whose_backends_fail_loses_the_traffic_and_bmp_shows_it(
    service: Service,
) -> None:
    service.world.break_site("us-east1")
    assert await service.cycle() == "failover"
    assert service.world.traffic() == REMOTE_SERVES
    (plan,) = await service.asks("GET", "/plans")
    assert (plan["state"], plan["asked_by"], plan["alarm"]) == ("done", None, None)
    assert [(step["kind"], step["state"]) for step in plan["steps"]] == [
        ("advertise", "done"),
        ("confirm_seen", "done"),
        ("prefer", "done"),
        ("withdraw", "done"),
        ("confirm_moved", "done"),
    ]
    assert plan["convergence_s"] >= 0
    decision = (await service.asks("GET", "/history"))[0]
    assert (decision["rule"], decision["plan"]["id"]) == ("failover", plan["id"])
    writes = [
        (one["method"], one["status"], bool(one["answer"]))
        for step in decision["plan"]["steps"]
        for one in step["exchanges"]
        if one["method"] in ("PATCH", "PUT")
    ]
    assert writes == [("PATCH", 200, True), ("PUT", 200, True), ("PATCH", 200, True)]


async def test_a_provider_that_says_yes_while_bmp_says_no_is_an_alarm_until_somebody_looks(
    service: Service,
) -> None:
    service.world.deaf = True
    service.world.break_site("us-east1")
    await service.cycle()
    (plan,) = await service.asks("GET", "/plans")
    assert (plan["state"], plan["alarm"]) == ("undone", "bmp_disagrees")
    assert service.world.traffic() == LOCAL_SERVES
    assert "BMP" in (await service.asks("GET", ""))["plan_alarm"]
    await service.asks("POST", "/ack", json={"reason": "the collector was off"})
    assert (await service.asks("GET", ""))["plan_alarm"] is None


async def test_a_switchover_is_done_once_and_noted(service: Service) -> None:
    await service.asks("POST", "/switchover", json=MOVE)
    assert (await service.asks("GET", ""))["switchover"]["to"] == "remote"
    assert await service.cycle() == "override"
    assert service.world.traffic() == REMOTE_SERVES
    assert await service.cycle() == "failback_is_manual"
    assert (await service.asks("GET", ""))["switchover"] is None
    (note,) = await service.asks("GET", "/audit")
    assert (note["who"], note["action"], note["why"]) == (
        "ada (127.0.0.1)",
        "switchover",
        "maintenance",
    )
    (plan,) = await service.asks("GET", "/plans")
    assert plan["asked_by"] == "ada (127.0.0.1)"


async def test_a_dry_run_gives_the_exact_calls_and_changes_nothing(service: Service) -> None:
    would = await service.asks("POST", "/switchover?dry_run=true", json=MOVE)
    requests = {(s["kind"], s["site"]): s["requests"] for s in would["steps"]}
    (patch,) = requests["advertise", "remote"]
    assert patch["method"] == "PATCH"
    assert patch["url"] == (
        "http://gcp.test/compute/v1/projects/demo/regions/us-west1/routers/rt-west"
        "?requestId=REQUEST_ID"
    )
    assert patch["body"]["bgp"]["advertisedIpRanges"][0]["range"] == "203.0.113.0/24"
    (put,) = requests["prefer", "remote"]
    assert [row["priority"] for row in put["body"]["routes"]] == [200, 100]
    assert (await service.asks("GET", ""))["switchover"] is None
    assert await service.asks("GET", "/audit") == []
    assert await service.cycle() == "all_well"
    assert service.world.traffic() == LOCAL_SERVES


async def test_a_switchover_from_a_site_that_does_not_serve_is_refused(service: Service) -> None:
    moved = MOVE | {"from": "remote", "to": "local"}
    why = await service.is_refused(412, "POST", "/switchover", json=moved)
    assert why == "the remote site does not serve now, the local site does"


async def test_a_switchover_moves_what_a_plan_left_announced_at_both(service: Service) -> None:
    await service.asks("PUT", "/override", json={"mode": "remote", "reason": "r", "ttl_s": 60})
    service.world.gcp.state.outcomes += [Outcome(), Outcome(error=("QUOTA", "too much"))]
    await service.cycle()
    assert service.world.traffic() == ([EAST, WEST], {"10.0.1.1": 1.0})
    await service.asks("DELETE", "/override?reason=over")
    assert await service.cycle() == "not_at_rest"
    await service.asks("POST", "/switchover", json=MOVE | {"from": "remote", "to": "local"})
    assert await service.cycle() == "override"
    assert service.world.traffic() == LOCAL_SERVES


async def test_a_switchover_is_not_begun_while_nobody_knows_which_site_serves(
    service: Service,
) -> None:
    await service.asks("POST", "/switchover", json=MOVE)
    table = service.world.cloudflare
    (_, remote) = table.routes
    table.edit(remote, priority=100)
    withdrawn = {"advertiseMode": "CUSTOM", "advertisedGroups": [], "advertisedIpRanges": []}
    service.world.gcp.state.routers[gcp.LOCAL].resource["bgp"] |= withdrawn
    assert await service.cycle() == "nothing_advertised"
    assert await service.asks("GET", "/plans") == []
    assert (await service.asks("GET", ""))["switchover"]["to"] == "remote"
    assert "is not clear" in await service.is_refused(412, "POST", "/switchover", json=MOVE)


async def test_where_nothing_was_announced_a_site_that_bmp_never_saw_is_not_missed(
    service: Service,
) -> None:
    withdrawn = {"advertiseMode": "CUSTOM", "advertisedGroups": [], "advertisedIpRanges": []}
    service.world.gcp.state.routers[gcp.LOCAL].resource["bgp"] |= withdrawn
    service.world.seen.clear()
    order = {"mode": "remote", "reason": "nothing is announced", "ttl_s": 600}
    await service.asks("PUT", "/override", json=order)
    assert await service.cycle() == "override"
    (plan,) = await service.asks("GET", "/plans")
    assert (plan["state"], plan["alarm"]) == ("done", None)
    assert plan["steps"][-1]["evidence"]["old"] == "not announced before"


async def test_a_switchover_to_a_site_that_is_ill_comes_to_nothing_and_is_over(
    service: Service,
) -> None:
    service.world.break_site("us-west1")
    await service.cycle()
    await service.asks("POST", "/switchover", json=MOVE)
    assert await service.cycle() == "target_is_well"
    assert (await service.asks("GET", ""))["switchover"] is None
    assert service.world.traffic() == LOCAL_SERVES


async def test_a_switchover_for_later_waits_and_can_be_cancelled(service: Service) -> None:
    later = MOVE | {"scheduled_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    await service.asks("POST", "/switchover", json=later)
    assert await service.cycle() == "all_well"
    await service.is_refused(409, "POST", "/switchover", json=MOVE)
    await service.asks("DELETE", "/switchover?reason=over")
    assert (await service.asks("GET", ""))["switchover"] is None


async def test_an_override_keeps_the_traffic_where_it_says(service: Service) -> None:
    asked = {"mode": "remote", "reason": "a test", "ttl_s": 600, "expected_state": "both"}
    done = await service.asks("PUT", "/override", json=asked)
    assert (done["before"], done["after"]["mode"]) == (None, "remote")
    assert await service.cycle() == "override"
    assert service.world.traffic() == REMOTE_SERVES
    await service.asks("DELETE", "/override?reason=over")
    assert await service.cycle() == "failback_is_manual"
    await service.is_refused(404, "DELETE", "/override?reason=over")


async def test_an_override_that_could_not_be_done_is_not_tried_again_and_again(
    service: Service,
) -> None:
    service.world.deaf = True
    asked = {"mode": "remote", "reason": "a test", "ttl_s": 600}
    await service.asks("PUT", "/override", json=asked)
    for _ in range(3):
        assert await service.cycle() == "override"
    assert len(await service.asks("GET", "/plans")) == 1
    service.world.deaf = False
    await service.asks("POST", "/ack", json={"reason": "the collector is back"})
    await service.cycle()
    assert service.world.traffic() == REMOTE_SERVES


async def test_every_decision_that_is_kept_can_be_made_again(
    service: Service, engine: AsyncEngine
) -> None:
    service.world.deaf = True
    await service.asks("PUT", "/override", json={"mode": "remote", "reason": "x", "ttl_s": 600})
    await service.cycle()
    await service.cycle()
    await service.asks("DELETE", "/override?reason=over")
    service.world.break_site("us-east1")
    await service.cycle()
    async with engine.connect() as conn:
        kept = await decisions.latest(conn, 100)
    assert [one.decision.rule for one in reversed(kept)][:2] == ["all_well", "override"]
    assert len(kept) >= 3
    for one in kept:
        assert decide(one.situation, one.limits) == one.decision


async def test_a_preflight_tells_faults_and_facts(service: Service) -> None:
    found = {one["what"]: one for one in await service.asks("GET", "/preflight")}
    assert found["the local site's router"]["is_fault"] is False
    service.world.gcp.denied.add("compute.routers.update")
    found = {one["what"]: one for one in await service.asks("GET", "/preflight")}
    assert found["permissions in the project demo"]["is_fault"] is True


async def test_every_change_is_noted_with_who_why_before_and_after(service: Service) -> None:
    hold = {"mode": "hold", "reason": "a drill", "ttl_s": 60, "owner": "ada"}
    await service.asks("PUT", "/override", json=hold)
    assert "reason" in await service.is_refused(422, "DELETE", "/override")
    await service.asks("DELETE", "/override?reason=the%20drill%20is%20over&owner=bob")
    ended, begun = await service.asks("GET", "/audit")
    assert (begun["who"], begun["why"], begun["before"]) == ("ada (127.0.0.1)", "a drill", None)
    assert begun["after"]["mode"] == "hold"
    assert (ended["who"], ended["why"]) == ("bob (127.0.0.1)", "the drill is over")
    assert (ended["before"]["owner"], ended["after"]) == ("ada (127.0.0.1)", None)


async def test_an_override_for_another_state_is_refused(service: Service) -> None:
    asked = {"mode": "hold", "reason": "x", "ttl_s": 60, "expected_state": "neither"}
    why = await service.is_refused(409, "PUT", "/override", json=asked)
    assert why == "the state is both now, and neither was expected"


async def test_the_rule_that_one_site_is_announced_is_never_lifted(service: Service) -> None:
    asked = {"mode": "remote", "reason": "x", "ttl_s": 60, "lifted_rules": ["one_site_advertised"]}
    await service.is_refused(422, "PUT", "/override", json=asked)


@pytest.mark.parametrize(
    ("method", "path", "sent", "named"),
    [
        ("POST", "/switchover", MOVE | {"to": "local"}, "to"),
        ("POST", "/switchover", MOVE | {"scheduled_at": "9999-12-31T23:59:59Z"}, "scheduled_at"),
        ("POST", "/switchover", MOVE | {"scheduled_at": "2020-01-01T00:00:00Z"}, "scheduled_at"),
        ("POST", "/switchover", MOVE | {"reason": ""}, "reason"),
        ("POST", "/switchover", MOVE | {"resaon": "a typo"}, "resaon"),
        ("POST", "/switchover?dryrun=true", MOVE, "dryrun"),
        ("POST", "/pause", {"reason": "no\0text", "ttl_s": 60}, "reason"),
        ("POST", "/pause", {"reason": "for ever", "ttl_s": 1e12}, "ttl_s"),
        ("POST", "/ack", {"reason": "x", "owner": "\0"}, "owner"),
        ("GET", "/history?cursor=x", None, "cursor"),
        ("GET", "/audit?limit=0", None, "limit"),
    ],
)
async def test_what_cannot_be_done_names_what_is_wrong(
    service: Service, method: str, path: str, sent: object, named: str
) -> None:
    assert named in await service.is_refused(422, method, path, json=sent)
    assert await service.asks("GET", "/audit") == []


async def test_nothing_moves_by_itself_while_it_is_paused(service: Service) -> None:
    await service.asks("POST", "/pause", json={"reason": "maintenance", "ttl_s": 600})
    service.world.break_site("us-east1")
    assert await service.cycle() == "paused"
    assert service.world.traffic() == LOCAL_SERVES
    await service.asks("POST", "/resume", json={"reason": "done"})
    assert await service.cycle() == "failover"


async def test_a_command_with_the_same_key_is_done_once(service: Service) -> None:
    key = {"Idempotency-Key": "one"}
    asked = {"reason": "maintenance", "ttl_s": 600}
    first = await service.asks("POST", "/pause", json=asked, headers=key)
    assert await service.asks("POST", "/pause", json=asked, headers=key) == first
    assert len(await service.asks("GET", "/audit")) == 1
    other = asked | {"ttl_s": 60}
    await service.is_refused(422, "POST", "/pause", json=other, headers=key)


async def test_a_breaker_can_be_held_open_and_reset(service: Service) -> None:
    asked = {"state": "open", "ttl_s": 60, "reason": "GCP is being repaired", "owner": "ada"}
    await service.asks("POST", "/breakers/gcp/us-east1/read/force", json=asked)
    held = {one["name"]: one for one in await service.asks("GET", "/breakers")}
    assert held["gcp/us-east1/read"]["state"] == "open"
    assert held["gcp/us-east1/read"]["forced_by"] == "ada (127.0.0.1)"
    await service.cycle()
    readings = (await service.asks("GET", ""))["inputs"]["service"]["local"]["readings"]
    assert readings[0]["health"] == "unknown"
    await service.asks("POST", "/breakers/gcp/us-east1/read/reset", json={"reason": "done"})
    assert await service.cycle() == "all_well"
    await service.is_refused(404, "POST", "/breakers/none/reset", json={"reason": "x"})


async def test_a_second_process_watches_and_does_nothing(
    service: Service, engine: AsyncEngine
) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(service.world.settings(database_url=url), transport=service.world.transport)
    service.world.break_site("us-east1")
    async with app.router.lifespan_context(app):
        while app.state.parts.controller.last is None:
            await asyncio.sleep(0.01)
        assert app.state.parts.controller.last.decision.rule == "not_leader"
    assert service.world.traffic() == LOCAL_SERVES


async def test_a_change_that_is_none_of_ours_is_told_with_who_made_it(service: Service) -> None:
    nothing = {"bgp": {"advertisedIpRanges": []}}
    service.world.gcp.state.patch(gcp.LOCAL, nothing, "", "terraform@demo.iam")
    await service.world.gcp.state.settle()
    await service.cycle()
    posture = (await service.asks("GET", ""))["posture"]
    assert posture["advertised"]["local"] is False
    assert (
        "the local site no longer announces the prefix, by no step of ours: changed by "
        "terraform@demo.iam (patch operation-1 at "
    ) in posture["detail"]
