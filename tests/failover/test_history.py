"""A recorded history, taken from the API and replayed: the same decisions, and with other limits
others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from services.failover.policy.decide import Decision, Limits, Situation, decide
from services.failover.repository.values import from_json, to_json

if TYPE_CHECKING:
    from tests.failover.running import Service

EAST, WEST = "us-east1", "us-west1"


async def eventful(service: Service) -> list[str]:
    """The rules of a day on which much happens, in order."""

    async def says(method: str, path: str, **body: Any) -> None:
        await service.asks(method, path, json={"reason": "a test", **body})

    rules = [await service.cycle()]
    await says("POST", "/pause", ttl_s=600)
    service.world.break_site(EAST)
    rules.append(await service.cycle())
    await says("POST", "/resume")
    rules.append(await service.cycle())  # to the remote site
    service.world.break_site(WEST)
    rules.append(await service.cycle())
    service.world.mend_site(EAST)
    service.world.mend_site(WEST)
    rules.append(await service.cycle())
    await says("POST", "/switchover", **{"from": "remote", "to": "local"})
    rules.append(await service.cycle())
    await says("PUT", "/override", mode="hold", ttl_s=600)
    rules.append(await service.cycle())
    return rules


async def recorded(service: Service) -> list[dict[str, Any]]:
    """The history as `GET /history` gives it, the oldest first."""
    history = await service.asks("GET", "/history?limit=200")
    return list(reversed(history))


async def test_a_recorded_history_gives_the_same_decisions_again(service: Service) -> None:
    happened = await eventful(service)
    assert happened == [
        "all_well",
        "paused",
        "failover",
        "both_unhealthy",
        "failback_is_manual",
        "override",
        "override",
    ]
    history = await recorded(service)
    assert [one["rule"] for one in history] == happened
    for one in history:
        again = decide(from_json(Situation, one["situation"]), from_json(Limits, one["limits"]))
        assert (again.rule, again.sentence) == (one["rule"], one["sentence"])
        assert (again.state.value, again.is_alarm) == (one["state"], one["is_alarm"])
        steps = again.plan.steps if again.plan is not None else ()
        assert [to_json(step) for step in steps] == one["diff"]
        assert isinstance(again, Decision)


async def test_with_other_limits_it_tells_what_would_have_been(service: Service) -> None:
    await eventful(service)
    history = await recorded(service)
    asked = {one["rule"] for one in history if one["plan"] and one["plan"]["asked_by"]}
    assert asked == {"override"}
    would_be = [
        decide(
            from_json(Situation, one["situation"]),
            replace(from_json(Limits, one["limits"]), warm_up_cycles=1_000),
        ).rule
        for one in history
    ]
    assert "failover" not in would_be
    assert would_be.count("override") == 2  # one moved the traffic, one held it
