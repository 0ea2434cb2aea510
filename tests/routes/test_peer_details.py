"""What is known of peers beside their names: their tables, what befell them, what is counted."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from services.routes.answering.counting import RouteCounter
from services.routes.store import counts
from tests.ingest import speaker, speaker_mp
from tests.ingest.test_statistics import IPV6_UNICAST, gauge, report
from tests.ingest.test_statistics import counter as count_of

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

TRANSIT = speaker.Peer("192.0.2.1", 64501)
POLICED = speaker.Peer("192.0.2.1", 64501, flags=speaker.POST_POLICY)
CUSTOMER = speaker.Peer("192.0.2.2", 64502)
SHUTDOWN = speaker.bgp(3, bytes([6, 2, 12]) + b"back at noon")


async def the_peer(api: Api, **parameters: Any) -> dict[str, Any]:
    (shown,) = (await api.get("/peers", **parameters))["data"]
    return dict(shown)


async def test_routes_are_counted_by_family_and_by_rib(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.initiation() + speaker.peer_up(TRANSIT))
        router.write(speaker.announce(TRANSIT, "198.51.100.0/24", "203.0.113.0/24"))
        router.write(speaker.announce(POLICED, "198.51.100.0/24"))
        router.write(speaker.announce6(TRANSIT, "2001:db8:1::/48"))
        mac = speaker_mp.mac_route("00:00:5e:00:53:01")
        router.write(speaker_mp.announce(TRANSIT, speaker_mp.EVPN, mac))
        router.write(speaker.withdraw(TRANSIT, "203.0.113.0/24"))
        await ingest.until_committed(6)
        body = await api.get("/peers")
        (peer,) = body["data"]
        assert peer["routes_by_family"] == {"evpn": 1, "ipv4_unicast": 2, "ipv6_unicast": 1}
        assert peer["routes_exact"] is True
        assert body["meta"]["warnings"] == []
        assert [(rib["rib"], rib["family"], rib["routes"]) for rib in peer["ribs"]] == [
            ("adj_in_pre", "ipv4_unicast", 1),
            ("adj_in_pre", "ipv6_unicast", 1),
            ("adj_in_pre", "evpn", 1),
            ("adj_in_post", "ipv4_unicast", 1),
        ]
        (router_body,) = (await api.get("/routers"))["data"]
        assert router_body["routes_by_family"] == peer["routes_by_family"]


async def test_a_count_follows_what_is_committed(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.announce(TRANSIT, "198.51.100.0/24"))
        await ingest.until_committed(1)
        assert (await the_peer(api))["routes_by_family"] == {"ipv4_unicast": 1}
        router.write(speaker.announce(TRANSIT, "203.0.113.0/24"))
        await ingest.until_committed(2)
        assert (await the_peer(api))["routes_by_family"] == {"ipv4_unicast": 2}


async def test_a_peer_that_is_down_has_no_routes(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.announce(TRANSIT, "198.51.100.0/24"))
        await ingest.until_committed(1)
        assert (await the_peer(api))["routes_by_family"] == {"ipv4_unicast": 1}
        router.write(speaker.peer_down(TRANSIT))
        await ingest.until("SELECT state FROM rib.peer", "down")
        assert (await the_peer(api))["routes_by_family"] == {"ipv4_unicast": 0}


async def test_a_large_store_is_counted_in_the_background_and_says_how_old_that_is(
    api: Api, ingest: Ingest
) -> None:
    counter = api.app.state.counter = RouteCounter(api.app.state.engine, small_octets=0)
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.announce(TRANSIT, "198.51.100.0/24"))
        await ingest.until_committed(1)
        body = await api.get("/peers")
        assert body["data"][0]["routes_by_family"] is None
        assert "counted for the first time" in body["meta"]["warnings"][0]
        await counter.refresh()
        peer = await the_peer(api)
        assert (peer["routes_by_family"], peer["routes_exact"]) == ({"ipv4_unicast": 1}, True)
        router.write(speaker.announce(TRANSIT, "203.0.113.0/24"))
        await ingest.until_committed(2)
        body = await api.get("/peers")
        (later,) = body["data"]
        assert (later["routes_by_family"], later["routes_exact"]) == ({"ipv4_unicast": 1}, False)
        assert later["routes_as_of"] == peer["routes_as_of"]
        assert "what was committed since is not in" in body["meta"]["warnings"][0]
        router.write(speaker.peer_down(TRANSIT))
        await ingest.until("SELECT state FROM rib.peer", "down")
        assert (await the_peer(api))["routes_by_family"] == {"ipv4_unicast": 0}


async def test_what_is_counted_in_pieces_is_counted_once(
    api: Api, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "_PIECE", 1)
    counter = RouteCounter(api.app.state.engine, small_octets=0)
    prefixes = [f"10.{number // 250}.{number % 250}.0/24" for number in range(1_000)]
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.peer_up(CUSTOMER))
        for start in range(0, 1_000, 100):
            some = prefixes[start : start + 100]
            router.write(speaker.announce(TRANSIT, *some) + speaker.announce(CUSTOMER, *some[:50]))
        router.write(speaker.withdraw(TRANSIT, *prefixes[:7]))
        await ingest.until_committed(1_507)
        pages = await ingest.rows("SELECT pg_relation_size('rib.route') / 8192")
        assert pages[0][0] > 10
        await counter.refresh()
        assert await counted(api, counter) == [500, 993]
        router.write(speaker.announce(TRANSIT, prefixes[0]))
        await ingest.until_committed(1_508)
        await counter.refresh()  # with rests, since there is a count already
        assert await counted(api, counter) == [500, 994]


async def counted(api: Api, counter: RouteCounter) -> list[int]:
    """How many routes each RIB has."""
    async with api.app.state.engine.connect() as conn:
        known = await counter.known(conn)
    assert known.counts is not None
    return sorted(rib.live(1) for rib in known.counts.ribs.values())


async def test_a_table_that_was_sent_whole_says_so(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.announce(TRANSIT, "198.51.100.0/24"))
        await ingest.until_committed(1)
        (rib,) = (await the_peer(api))["ribs"]
        assert (rib["complete"], rib["complete_at"]) == (False, None)
        router.write(speaker.end_of_rib(TRANSIT))
        await ingest.until("SELECT complete_session FROM rib.peer_rib", 1)
        (rib,) = (await the_peer(api))["ribs"]
        assert rib["complete"] is True
        assert rib["complete_at"].endswith("Z")


async def test_changes_of_known_routes_are_counted(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT))
        for med in (1, 2, 3):
            router.write(speaker.announce(TRANSIT, "198.51.100.0/24", med=med))
        router.write(speaker.withdraw(TRANSIT, "198.51.100.0/24"))
        await ingest.until_committed(4)
        peer = await the_peer(api)
        assert peer["updates_1h"] == 3
        last = datetime.fromisoformat(peer["last_update_at"])
        assert 0 <= (datetime.now(UTC) - last).total_seconds() < 60


async def test_peers_are_found_by_what_tables_they_have(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.announce6(TRANSIT, "2001:db8:1::/48"))
        router.write(speaker.peer_up(CUSTOMER) + speaker.announce(CUSTOMER, "198.51.100.0/24"))
        await ingest.until_committed(2)
        assert (await the_peer(api, family="ipv6_unicast"))["asn"] == 64501
        assert (await the_peer(api, family="ipv4_unicast", rib="adj_in_pre"))["asn"] == 64502
        assert (await api.get("/peers", rib="loc_rib"))["data"] == []


async def test_routers_are_found_by_their_state(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.initiation())
        await ingest.until("SELECT count(*) FROM rib.connection", 1)
        assert len((await api.get("/routers", state="connected"))["data"]) == 1
        assert (await api.get("/routers", state="disconnected"))["data"] == []
    await ingest.until_idle()
    assert len((await api.get("/routers", state="disconnected"))["data"]) == 1
    assert (await api.refused("/routers", state="gone"))["status"] == 422


async def test_a_peer_says_what_it_can_do(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT, add_path=True))
        await ingest.until("SELECT state FROM rib.peer", "up")
        can = (await the_peer(api))["capabilities"]
        assert can["families"] == ["ipv4_unicast", "ipv6_unicast"]
        assert can["add_path"] == {"ipv4_unicast": "both"}
        by_name = {one["name"]: one for one in can["all"]}
        assert by_name["4-octet AS number"]["details"] == {"asn": 64501}
        assert by_name["ADD-PATH"]["code"] == 69


async def test_the_notification_that_ended_a_session_is_told(api: Api, ingest: Ingest) -> None:
    down = speaker.message(2, TRANSIT.header() + b"\x03" + SHUTDOWN)
    await ingest.say(speaker.peer_up(TRANSIT) + down)
    last = (await the_peer(api))["last_down"]
    assert last["reason_code"] == 3
    assert last["notification"] == {
        "code": 6,
        "subcode": 2,
        "name": "Cease / Administrative Shutdown",
        "communication": "back at noon",
        "reset_by": None,
    }


async def test_what_happened_to_a_peer_is_told_newest_first(api: Api, ingest: Ingest) -> None:
    down = speaker.message(2, TRANSIT.header() + b"\x03" + SHUTDOWN)
    await ingest.say(
        speaker.initiation(),
        speaker.peer_up(TRANSIT) + speaker.peer_up(CUSTOMER) + speaker.end_of_rib(CUSTOMER),
        down + speaker.peer_up(TRANSIT, 40001),
    )
    peer = await the_peer(api, asn=64501)
    events = (await api.get(f"/peers/{peer['id']}/events"))["data"]
    assert [one["event"] for one in events] == ["lost", "up", "down", "up"]
    assert [one["session"] for one in events] == [2, 2, 1, 1]
    assert events[2]["notification"]["subcode"] == 2
    assert events[2]["router_time"] == "2023-11-14T22:13:20.000000Z"
    every = (await api.get(f"/routers/{peer['router_id']}/events"))["data"]
    assert len(every) == 7
    assert {one["peer"]["asn"] for one in every} == {64501, 64502}
    (whole,) = [one for one in every if one["event"] == "end_of_rib"]
    assert (whole["family"], whole["rib"]) == ("ipv4_unicast", "adj_in_pre")


async def test_events_are_paged_and_cut_by_time(api: Api, ingest: Ingest) -> None:
    for port in range(4):
        await ingest.say(speaker.peer_up(TRANSIT, port) + speaker.peer_up(CUSTOMER, port))
    path = "/routers/1/events"
    whole = (await api.get(path))["data"]
    paged: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.get(path, limit=3, **cursor)
        paged += page["data"]
        if page["meta"]["next_cursor"] is None:
            break
        cursor = {"cursor": page["meta"]["next_cursor"]}
    assert paged == whole
    assert len(whole) == 16
    middle = whole[8]["time"]
    since = await api.get(path, starttime=middle)
    until = await api.get(path, endtime=middle)
    assert since["data"] == [one for one in whole if one["time"] >= middle]
    assert until["data"] == [one for one in whole if one["time"] <= middle]
    assert since["meta"]["query"]["starttime"] == middle
    lost = (await api.get(path, event="lost", starttime="-1h"))["data"]
    assert [one["event"] for one in lost] == ["lost"] * 8


async def test_a_wrong_moment_is_refused_with_an_example(api: Api, ingest: Ingest) -> None:
    await ingest.say(speaker.peer_up(TRANSIT))
    problem = await api.refused("/peers/1/events", starttime="yesterday")
    assert problem["errors"][0]["parameter"] == "starttime"
    assert problem["errors"][0]["suggestion"]
    assert (await api.refused("/peers/1/events", starttime="-1h", endtime="-2h"))["status"] == 422
    for cursor in ("7", "WzFd", "WyJ4IiwxLDFd"):
        assert (await api.refused("/peers/1/events", cursor=cursor))["status"] == 422


async def test_statistics_have_the_words_of_the_rfc(api: Api, ingest: Ingest) -> None:
    stats = report(
        TRANSIT, (0, count_of(3)), (9, gauge(7, IPV6_UNICAST)), (65531, gauge(2**64 - 1))
    )
    await ingest.say(speaker.peer_up(TRANSIT) + stats)
    shown = (await api.get("/peers/1/statistics"))["data"]
    assert [(one["type"], one["name"], one["family"], one["value"]) for one in shown] == [
        (0, "prefixes rejected by inbound policy", None, 3),
        (9, "routes of an address family in the Adj-RIB-In", "ipv6_unicast", 7),
        (65531, "experimental 65531", None, 2**64 - 1),
    ]
    assert (await api.refused("/peers/9/statistics"))["status"] == 404
    assert (await api.refused("/peers/9/events"))["status"] == 404
    assert (await api.refused("/routers/9/events"))["status"] == 404


async def test_statistics_are_paged_by_type_and_family(api: Api, ingest: Ingest) -> None:
    values = [(7, gauge(1)), (9, gauge(2, 0x0101)), (9, gauge(3, IPV6_UNICAST)), (14, gauge(4))]
    await ingest.say(speaker.peer_up(TRANSIT) + report(TRANSIT, *values))
    found: list[int] = []
    cursor: dict[str, str] = {}
    for _ in values:
        page = await api.get("/peers/1/statistics", limit=1, **cursor)
        found += [one["value"] for one in page["data"]]
        cursor = {"cursor": page["meta"]["next_cursor"]}
    assert found == [1, 2, 3, 4]
    assert page["meta"]["next_cursor"] is None
    assert (await api.refused("/peers/1/statistics", cursor="WzFd"))["status"] == 422


@pytest.mark.parametrize(
    ("path", "rows"),
    [("/routers", 1), ("/peers", 2), ("/routers/1/events", 5), ("/peers/1/statistics", 1)],
)
async def test_lists_come_as_lines_too(api: Api, ingest: Ingest, path: str, rows: int) -> None:
    await ingest.say(
        speaker.initiation("edge, 1"),
        speaker.peer_up(TRANSIT) + speaker.peer_up(CUSTOMER),
        report(TRANSIT, (7, gauge(1))) + speaker.end_of_rib(TRANSIT),
    )
    body = await api.get(path)
    lines = await api.client.get(f"/api/v1{path}?format=ndjson")
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    items = [orjson.loads(line) for line in lines.text.splitlines()]
    assert len(items) == rows
    assert [item.keys() for item in items] == [item.keys() for item in body["data"]]
    table = await api.client.get(f"/api/v1{path}", headers={"Accept": "text/csv"})
    read = list(csv.DictReader(io.StringIO(table.text)))
    assert [list(row) for row in read] == [list(item) for item in body["data"]]
    for row, item in zip(read, body["data"], strict=True):
        assert row.get("name", "edge, 1") in {"edge, 1", item.get("name")}
        nested = [name for name, value in item.items() if isinstance(value, dict) and value]
        assert all(orjson.loads(row[name]).keys() == item[name].keys() for name in nested)
    assert (await api.refused(path, format="csv", cursor="1"))["status"] == 422


async def test_a_stream_of_what_is_not_there_is_a_problem(api: Api) -> None:
    for form in ("ndjson", "csv"):
        assert (await api.refused("/peers/9/events", format=form))["status"] == 404
