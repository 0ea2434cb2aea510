"""Timelines of a prefix, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.contracts.envelope import rfc3339
from shared.contracts.history import PrefixHistory
from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

PEER = speaker.Peer("192.0.2.1", 64501)
OTHER = speaker.Peer("192.0.2.2", 64777)
TIMES = "SELECT time FROM rib.route_event ORDER BY time"


def lines(history: dict[str, Any]) -> list[tuple[int | None, str, int, bool]]:
    """Origin, path, peers and whether it goes on, of each timeline."""
    return [
        (one["origin_asn"], line["as_path_str"], line["peers_seeing"], line["ongoing"])
        for one in history["data"]["by_origin"]
        for line in one["timelines"]
    ]


async def test_timelines_tell_who_originated_a_prefix_and_when(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER))
        router.write(speaker.announce(PEER, "10.0.0.0/8"))
        router.write(speaker.announce(PEER, "10.0.0.0/8", med=5))
        router.write(speaker.announce(PEER, "10.0.0.0/8", path=(64501, 64999)))
        router.write(speaker.withdraw(PEER, "10.0.0.0/8"))
        router.write(speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(5)
        times = [rfc3339(one) for one in await ingest.column(TIMES)]
        history = await api.get("/history", prefix="10.0.0.0/8")
    PrefixHistory.model_validate(history["data"], extra="forbid")
    assert lines(history) == [
        (64502, "64501 64502", 1, False),
        (64502, "64501 64502", 1, True),
        (64999, "64501 64999", 1, False),
    ]
    first, again = history["data"]["by_origin"][0]["timelines"]
    # Another MED is the same path.
    assert (first["starttime"], first["endtime"]) == (times[0], times[2])
    assert again["starttime"] == times[4]
    (stolen,) = history["data"]["by_origin"][1]["timelines"]
    assert (stolen["starttime"], stolen["endtime"]) == (times[2], times[3])


async def test_a_peer_that_goes_down_takes_its_routes_and_a_lost_connection_does_not(
    api: Api, ingest: Ingest
) -> None:
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.peer_up(OTHER),
        speaker.announce(PEER, "10.0.0.0/8", path=(64501, 64502)),
        speaker.announce(OTHER, "10.0.0.0/8", path=(64777, 64502)),
        speaker.peer_down(PEER),
    )
    assert lines(await api.get("/history", prefix="10.0.0.0/8")) == [
        (64502, "64501 64502", 1, False),
        (64502, "64777 64502", 1, True),
    ]


async def test_peers_that_see_the_same_path_are_counted(api: Api, ingest: Ingest) -> None:
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.peer_up(OTHER),
        speaker.announce(PEER, "10.0.0.0/8", path=(64501, 64502)),
        speaker.announce(OTHER, "10.0.0.0/8", path=(64501, 64502)),
        speaker.withdraw(OTHER, "10.0.0.0/8"),
    )
    assert lines(await api.get("/history", prefix="10.0.0.0/8")) == [
        (64502, "64501 64502", 2, True)
    ]
    assert lines(await api.get("/history", prefix="10.0.0.0/8", peer="192.0.2.2")) == [
        (64502, "64501 64502", 1, False)
    ]


async def test_what_was_there_before_the_window_is_in_it(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", "10.1.0.0/16"))
        router.write(speaker.withdraw(PEER, "10.0.0.0/8"))
        await ingest.until_committed(3)
        start = await ingest.value(
            "SELECT time - interval '1 microsecond' FROM rib.route_event WHERE attr_id IS NULL"
        )
        history = await api.get("/history", prefix="10.0.0.0/8", starttime=rfc3339(start))
        (line,) = history["data"]["by_origin"][0]["timelines"]
        assert line["starttime"] == rfc3339(start)
        quiet = await api.get("/history", prefix="10.1.0.0/16", starttime=rfc3339(start))
        assert lines(quiet) == [(64502, "64501 64502", 1, True)]


async def test_the_last_timelines_are_told_and_the_others_counted(api: Api, ingest: Ingest) -> None:
    paths = [(64501, 64600 + number) for number in range(5)]
    await ingest.say(
        speaker.peer_up(PEER),
        *(speaker.announce(PEER, "10.0.0.0/8", path=path) for path in paths),
    )
    history = await api.get("/history", prefix="10.0.0.0/8", limit=2)
    assert [one[0] for one in lines(history)] == [64603, 64604]
    assert (history["meta"]["total"], history["meta"]["truncated"]) == (5, True)


async def test_an_address_means_the_longest_prefix_that_was_announced(
    api: Api, ingest: Ingest
) -> None:
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8", "10.1.0.0/16"))
    assert (await api.get("/history", prefix="10.1.2.3"))["data"]["prefix"] == "10.1.0.0/16"
    unknown = await api.get("/history", prefix="192.0.2.1")
    assert unknown["data"] == {"prefix": "192.0.2.1/32", "by_origin": []}
