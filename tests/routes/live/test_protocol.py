"""What subscribers may write, and how they are answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from services.routes.live.protocol import ClientError, read_subscription
from tests.ingest import speaker
from tests.routes.live.listening import announced, server, strictly

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.live.listening import Listener, Server

PEER = speaker.Peer("192.0.2.1", 64501)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"moreSpecifc": False}, "moreSpecific"),
        ({"prefix": "10.0.0.1/8"}, "10.0.0.0/8"),
        ({"prefix": ["10.0.0.0/8", 7]}, "prefix"),
        ({"prefix": []}, "empty"),
        ({"prefix": "fe80::1%eth0/64"}, "prefix"),
        ({"path": "1.*2"}, "path"),
        ({"path": True}, "path"),
        ({"path": 1.5}, "path"),
        ({"peer": "edge"}, "peer"),
        ({"type": "UPDATES"}, "UPDATE"),
        ({"type": ["UPDATE"]}, "UPDATE"),
        ({"host": ""}, "host"),
        ({"host": "x" * 10_000}, "host"),
        ({"moreSpecific": "yes"}, "moreSpecific"),
        ({"socketOptions": {"raw": True}}, "raw"),
        ({"socketOptions": []}, "socketOptions"),
        ({"rib": "pre"}, "adj_in_pre"),
        ({"family": "ipv4"}, "ipv4_unicast"),
        ([], "object"),
        ("everything", "object"),
    ],
)
def test_a_subscription_that_cannot_be_read_says_why(data: Any, word: str) -> None:
    with pytest.raises(ClientError, match=word) as refused:
        read_subscription(data)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        # What BGPalerter sends.
        {"moreSpecific": True, "type": "UPDATE", "host": None,
         "socketOptions": {"includeRaw": False}},
        {"moreSpecific": False, "lessSpecific": False, "prefix": "2001:7FB:FE00::/48",
         "type": "UPDATE", "socketOptions": {"includeRaw": False, "acknowledge": False}},
        # bgpkit-parser's, ARTEMIS' and bgpipe's.
        {"host": "rrc21", "socketOptions": {"includeRaw": None, "acknowledge": True}},
        {"path": 8369}, {"path": "64501$", "type": "UPDATE", "includeRaw": True},
    ],
)  # fmt: skip
def test_what_clients_of_ris_live_send_is_read(data: Any) -> None:
    assert len(read_subscription(data).filters) == 1


async def test_a_subscription_is_acknowledged_as_it_was_understood(live: Server) -> None:
    async with live.websocket() as listener:
        answer = await listener.subscribe(
            prefix=["192.0.2.0/24", "2001:DB8:0:0::/32"], path=64501, peer="2001:db8:0::1"
        )
        assert answer == {
            "subscription": {
                "prefix": ["192.0.2.0/24", "2001:db8::/32"],
                "path": "64501",
                "peer": "2001:db8::1",
                "moreSpecific": True,
                "lessSpecific": False,
            },
            "socketOptions": {"includeRaw": False, "acknowledge": True},
        }


@pytest.mark.parametrize("path", ["/v1/ws/", "/v1/ws", "/api/v1/stream/ws/", "/api/v1/stream/ws"])
async def test_a_ping_is_answered_at_every_path(live: Server, path: str) -> None:
    async with live.websocket(f"{path}?client=x&client_version=1&instance=2") as listener:
        assert await listener.ask("ping") == {"type": "pong", "data": None}


async def test_the_list_of_hosts_has_the_routers(ingest: Ingest, listener: Listener) -> None:
    await ingest.say(speaker.initiation("edge-1"))
    answer = await listener.ask("request_rrc_list")
    assert answer == {"type": "ris_rrc_list", "data": ["edge-1"]}


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[]", "{}", '{"type": 7}', '{"type": "subscribe"}',
     '{"type": "ris_subscribe", "data": {"prefix": "x"}}', '{"type": "ris_unsubscribe"}'],
)  # fmt: skip
async def test_what_cannot_be_read_is_answered_and_the_connection_goes_on(
    listener: Listener, text: str
) -> None:
    await listener.socket.send(text)
    assert (await listener.hear())["type"] == "ris_error"
    await listener.socket.send(b'{"type": "ping"}')
    assert (await listener.hear())["type"] == "pong"


async def test_subscriptions_add_up_and_a_message_comes_once(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe(prefix="10.0.0.0/8")
    await listener.subscribe(prefix=["10.1.0.0/16", "172.16.0.0/12"], moreSpecific=False)
    await listener.subscribe(path="64502$", prefix="192.168.0.0/16")
    await ingest.say(
        speaker.peer_up(PEER),
        *(speaker.announce(PEER, p) for p in ("10.1.0.0/16", "11.0.0.0/8", "172.16.0.0/16")),
        *(speaker.announce(PEER, p) for p in ("172.16.0.0/12", "192.168.7.0/24", "10.0.0.0/7")),
        speaker.announce(PEER, "192.168.8.0/24", path=(64501, 64999)),
        speaker.announce(PEER, "10.255.0.0/16"),
    )
    heard = await listener.heard_all("10.255.0.0/16")
    assert [p for one in heard for p in announced(one)] == [
        "10.1.0.0/16", "172.16.0.0/12", "192.168.7.0/24", "10.255.0.0/16",
    ]  # fmt: skip


async def test_each_prefix_of_a_list_can_be_unsubscribed_from(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe(prefix=["10.0.0.0/8", "172.16.0.0/12"])
    await listener.say("ris_unsubscribe", {"prefix": "10.0.0.0/8"})
    assert (await listener.ask("ris_unsubscribe", {"prefix": "10.0.0.0/8"}))["type"] == "ris_error"
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.announce(PEER, "10.0.0.0/8"),
        speaker.announce(PEER, "172.16.0.0/12"),
    )
    assert announced(await listener.told()) == ["172.16.0.0/12"]


async def test_hosts_are_named_or_addressed(ingest: Ingest, live: Server) -> None:
    await ingest.say(speaker.initiation("Edge-1"))
    async with live.websocket() as one, live.websocket() as two, live.websocket() as other:
        await one.subscribe(host="edge-1", type="UPDATE")
        await two.subscribe(host="127.0.0.1", type="UPDATE")
        await other.subscribe(host="edge-2")
        await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
        assert announced(await one.told()) == announced(await two.told()) == ["10.0.0.0/8"]
        assert (await other.ask("ping"))["type"] == "pong"


async def test_more_prefixes_than_are_allowed_are_refused_whole(migrated_url: str) -> None:
    async with server(migrated_url, prefixes=3) as live, live.websocket() as listener:
        await listener.subscribe(prefix=["10.0.0.0/8", "11.0.0.0/8"])
        asked = {"prefix": ["10.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8"]}
        error = await listener.ask("ris_subscribe", asked)
        assert error["type"] == "ris_error"
        assert "3 is the most" in error["data"]["message"]
        await listener.subscribe(prefix=["10.0.0.0/8", "12.0.0.0/8"])
        (subscriber,) = live.app.state.live.hub._subscribers
        assert len(subscriber.filters) == 3


async def test_a_subscriber_too_many_is_told_and_closed(migrated_url: str) -> None:
    async with (
        server(migrated_url, subscribers=2, subscribers_per_caller=1) as live,
        live.websocket() as first,
    ):
        assert (await first.ask("ping"))["type"] == "pong"
        async with live.websocket() as second:
            error = await second.hear()
            assert error["type"] == "ris_error"
            with pytest.raises(ConnectionClosed) as closed:
                await second.socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        async with live.stream() as answer:
            assert answer.status_code == 429
            assert json.loads(await answer.aread())["type"].endswith("too-many-streams")
    # Who leaves makes room.
    async with server(migrated_url, subscribers=1) as live:
        for _ in range(3):
            async with live.websocket() as listener:
                assert (await listener.ask("ping"))["type"] == "pong"


async def test_a_stream_over_http_is_the_same(ingest: Ingest, live: Server) -> None:
    async with live.stream(subscribe={"type": "UPDATE", "prefix": "10.0.0.0/8"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        assert answer.headers["x-accel-buffering"] == "no"
        lines = answer.aiter_lines()
        await ingest.say(
            speaker.peer_up(PEER),
            speaker.announce(PEER, "11.0.0.0/8"),
            speaker.announce(PEER, "10.7.0.0/16"),
        )
        told = strictly(await anext(line async for line in lines if line))
        assert announced(told["data"]) == ["10.7.0.0/16"]


@pytest.mark.parametrize("form", ["json", "sse"])
async def test_a_silent_stream_shows_that_it_lives(migrated_url: str, form: str) -> None:
    async with (
        server(migrated_url, idle_seconds=0.05) as live,
        live.stream(f"/api/v1/stream?format={form}") as answer,
    ):
        sent = b""
        async for octets in answer.aiter_raw():
            sent += octets
            if len(sent) >= 18:
                break
        assert not sent.replace(b"\n" if form == "json" else b": ping\n\n", b"")


@pytest.mark.parametrize(
    ("header", "word"), [("{", "JSON"), ('{"prefx": "10.0.0.0/8"}', "prefix"), ("[]", "object")]
)
async def test_a_filter_that_cannot_be_read_is_a_problem(
    live: Server, header: str, word: str
) -> None:
    url = f"http://127.0.0.1:{live.port}/v1/stream/"
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url, headers={"X-RIS-Subscribe": header})
        assert answer.status_code == 422
        assert word in answer.json()["detail"]
        answer = await client.get(url, params={"prefix": "10.0.0.0/8"})
        assert answer.status_code == 422  # it would be the whole stream


async def test_an_event_source_goes_on_where_it_was(ingest: Ingest, live: Server) -> None:
    async def events(answer: Any, count: int) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        one: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name:
                one[name] = value
            elif one.get("data"):
                strictly(one["data"])
                found.append(one)
                one = {}
                if len(found) == count:
                    break
        return found

    asked = {"type": "UPDATE", "prefix": "10.0.0.0/8"}
    path = "/api/v1/stream?format=sse"
    async with live.stream(path, subscribe=asked) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
        (first,) = await events(answer, 1)
        assert first["event"] == "ris_message"
    # Nobody listens, and the tail goes on for a while.
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.announce(PEER, "10.1.0.0/16"),
        speaker.announce(PEER, "11.0.0.0/8"),
        speaker.announce(PEER, "10.2.0.0/16"),
    )
    async with live.websocket() as listener:
        await listener.subscribe(type="UPDATE")
        await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "12.0.0.0/8"))
        assert "12.0.0.0/8" in announced((await listener.heard_all("12.0.0.0/8"))[-1])
    async with live.stream(path, subscribe=asked, last_id=first["id"]) as answer:
        told = await events(answer, 2)
        prefixes = [announced(json.loads(one["data"])["data"]) for one in told]
        assert prefixes == [["10.1.0.0/16"], ["10.2.0.0/16"]]
    async with live.stream(path, subscribe=asked, last_id="00000001-0000000000") as answer:
        (error,) = await events(answer, 1)
        assert error["event"] == "ris_error"
