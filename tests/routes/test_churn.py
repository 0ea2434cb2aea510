"""What changed most, and how much happened when, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routes.asking.churn import BUCKET_SECONDS, sampling
from services.routes.asking.windows import Window
from shared.contracts.history import Activity, ChurnBody
from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

PEER = speaker.Peer("192.0.2.1", 64501)
OTHER = speaker.Peer("192.0.2.2", 64777)


async def stir(ingest: Ingest) -> None:
    """10.0.0.0/8 changes three times and is withdrawn once, 10.1.0.0/16 changes once."""
    await ingest.say(
        speaker.initiation("edge-1"),
        speaker.peer_up(PEER),
        speaker.peer_up(OTHER),
        speaker.announce(PEER, "10.0.0.0/8", "10.1.0.0/16"),
        speaker.announce(OTHER, "10.1.0.0/16"),
        speaker.announce(PEER, "10.0.0.0/8", path=(64501, 64999)),
        speaker.withdraw(PEER, "10.0.0.0/8"),
        speaker.announce(PEER, "10.0.0.0/8"),
        speaker.announce(PEER, "10.0.0.0/8", med=9),
        speaker.announce(OTHER, "10.1.0.0/16", med=9),
        speaker.announce(OTHER, "10.1.0.0/16", med=9),
    )


async def top(api: Api, **parameters: Any) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = (await api.get("/churn/top", **parameters))["data"]
    for one in data:
        ChurnBody.model_validate(one, extra="forbid")
    return data


async def test_prefixes_peers_origins_and_routers_by_how_much_they_changed(
    api: Api, ingest: Ingest
) -> None:
    await stir(ingest)
    most, least = await top(api)
    assert (most["key"], most["prefix"]) == ("10.0.0.0/8", "10.0.0.0/8")
    assert (most["updates"], most["withdrawals"], most["path_changes"]) == (3, 1, 2)
    assert most["share"] == 0.75
    assert (least["prefix"], least["updates"]) == ("10.1.0.0/16", 1)
    peers = await top(api, by="peer")
    assert [(one["peer"]["asn"], one["updates"]) for one in peers] == [(64501, 3), (64777, 1)]
    assert peers[0]["peer"]["router"] == "edge-1"
    (router,) = await top(api, by="router", metric="withdrawals")
    assert (router["router"]["name"], router["withdrawals"]) == ("edge-1", 1)
    assert router["share"] == 1.0
    # What changes within a batch counts for the origin that the route ends with.
    origins = await top(api, by="origin_asn")
    assert sum(one["updates"] for one in origins) == 4
    assert {one["origin_asn"] for one in origins} <= {64502, 64999}
    assert [one["prefix"] for one in await top(api, limit=1)] == ["10.0.0.0/8"]
    assert [one["prefix"] for one in await top(api, metric="withdrawals")] == ["10.0.0.0/8"]


async def test_the_window_is_grown_to_whole_buckets(api: Api, ingest: Ingest) -> None:
    await stir(ingest)
    meta = (await api.get("/churn/top", window="1h"))["meta"]
    start = datetime.fromisoformat(meta["query"]["starttime"])
    end = datetime.fromisoformat(meta["query"]["endtime"])
    assert start.timestamp() % BUCKET_SECONDS == end.timestamp() % BUCKET_SECONDS == 0
    assert timedelta(hours=1) <= end - start <= timedelta(hours=1, minutes=10)
    assert await top(api, endtime="-2h") == []
    assert len(await top(api, starttime="-5m")) == 2


async def test_activity_of_a_prefix_counts_every_event(api: Api, ingest: Ingest) -> None:
    await stir(ingest)
    data = (await api.get("/activity", prefix="10.1.0.0/16", starttime="-1h"))["data"]
    Activity.model_validate(data, extra="forbid")
    assert data["counted"] == "events"
    assert len(data["samples"]) <= 50
    assert sum(one["announcements"] for one in data["samples"]) == 4
    of_one = await api.get("/activity", prefix="10.1.0.0/16", peer="192.0.2.2")
    assert sum(one["announcements"] for one in of_one["data"]["samples"]) == 3


async def test_activity_of_all_else_counts_what_changed(api: Api, ingest: Ingest) -> None:
    await stir(ingest)

    async def changes(**parameters: Any) -> tuple[int, int]:
        data = (await api.get("/activity", **parameters))["data"]
        assert data["counted"] == "changes"
        samples = data["samples"]
        assert data["sampling_period_s"] % BUCKET_SECONDS == 0
        return (
            sum(one["announcements"] for one in samples),
            sum(one["withdrawals"] for one in samples),
        )

    assert await changes() == (4, 1)
    assert await changes(peer="192.0.2.2") == (1, 0)
    assert await changes(router="127.0.0.1") == (4, 1)
    assert await changes(peer_asn="AS1") == (0, 0)
    assert await changes(origin_asn=["64502", "64999"]) == (4, 1)
    assert await changes(origin_asn="64777") == (0, 0)


@pytest.mark.parametrize(
    ("path", "parameters", "at_fault"),
    [
        ("/churn/top", {"by": "colour"}, "by"),
        ("/churn/top", {"window": "1y"}, "window"),
        ("/churn/top", {"window": "1h", "starttime": "-1h"}, "window"),
        ("/churn/top", {"limit": "0"}, "limit"),
        ("/activity", {"prefix": "10.0.0.0/8", "origin_asn": "1"}, "origin_asn"),
        ("/activity", {"peer": "192.0.2.1", "origin_asn": "1"}, "origin_asn"),
        ("/activity", {"max_samples": "0"}, "max_samples"),
        ("/activity", {"asn": "1"}, "asn"),
    ],
)
async def test_a_wrong_parameter_is_named(
    api: Api, path: str, parameters: dict[str, str], at_fault: str
) -> None:
    problem = await api.refused(path, **parameters)
    assert problem["status"] == 422
    assert problem["errors"][0]["parameter"] == at_fault


_moments = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds must have no zone


@given(
    start=_moments,
    span=st.timedeltas(timedelta(microseconds=1), timedelta(days=9000)),
    most=st.integers(1, 1000),
    least=st.integers(1, 40_000_000),
    of_buckets=st.booleans(),
)
def test_samples_cover_the_window_and_are_not_too_many(
    *, start: datetime, span: timedelta, most: int, least: int, of_buckets: bool
) -> None:
    window = Window(start, start + span)
    whole, period = sampling(window, most, least, of_buckets=of_buckets)
    assert whole.start <= window.start
    assert whole.end >= window.end
    samples = whole.span / timedelta(seconds=period)
    assert samples == int(samples)
    assert 1 <= samples <= most
    assert period >= least
    assert not of_buckets or period % BUCKET_SECONDS == 0
