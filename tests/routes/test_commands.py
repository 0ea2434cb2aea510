"""The commands as a person runs them: processes, against the gateway, the service and the store."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx
import pytest
from pydantic import SecretStr

from services.routes import commands
from services.routes.app import create_app
from services.routes.settings import RoutesSettings
from tests import world
from tests.gateway.harness.serving import gateway, refusing, serving, speaking
from tests.ingest import speaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest

TRANSIT = speaker.Peer("192.0.2.1", 64501)
CUSTOMER = speaker.Peer("192.0.2.2", 64502)
FRESH = re.compile(r"data as of \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ, \d+s ago")


NO_FILTERS = {"count", "cursor", "expand", "format", "limit"}
"""Parameters of the API that say how to answer, and not what is asked."""


@dataclass(frozen=True)
class Ended:
    code: int | None
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


async def bgpilot(url: str, *arguments: str, **variables: str) -> Ended:
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from shared.cli.main import main; main()", *arguments),
        stdout=PIPE,
        stderr=PIPE,
        env=keep | {"BGPILOT_URL": url} | variables,
    )
    out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def empty(ingest: Ingest, migrated_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The gateway before a service whose store has nothing yet."""
    vrps = tmp_path / "vrps.json"
    roas = [{"asn": 64510, "prefix": "10.0.0.0/8", "maxLength": 16}]
    vrps.write_text(json.dumps({"roas": roas}))
    names = tmp_path / "names.csv"
    names.write_text("64511,Example Origin\n64502,Example Customer\n")
    settings = RoutesSettings(
        database_url=SecretStr(migrated_url), routes_vrps_file=vrps, routes_as_names_file=names
    )
    async with (
        serving(create_app(settings)) as port,
        gateway(gateway_routes_url=f"http://127.0.0.1:{port}") as public,
    ):
        yield f"http://127.0.0.1:{public}"


@pytest.fixture
async def url(empty: str, ingest: Ingest) -> AsyncIterator[str]:
    """The same with a router that is connected and has two peers."""
    async with ingest.connected() as router:
        router.write(speaker.initiation("edge-1"))
        router.write(speaker.peer_up(TRANSIT) + speaker.peer_up(CUSTOMER))
        router.write(
            speaker.announce(TRANSIT, "10.1.0.0/16", path=(64501, 64510))
            + speaker.announce(TRANSIT, "10.1.2.0/24", path=(64501, 64510))
            + speaker.announce(TRANSIT, "192.0.2.0/24", path=(64501,))
            + speaker.announce(CUSTOMER, "10.1.0.0/16", path=(64502, 64511))
            + speaker.announce(CUSTOMER, "10.9.0.0/16", path=(64502,))
            + speaker.withdraw(CUSTOMER, "10.9.0.0/16")
        )
        await ingest.until_committed(6)
        yield empty


async def test_an_address_is_answered_with_a_table_and_one_line_of_freshness(url: str) -> None:
    ended = await bgpilot(url, "routes", "10.1.2.3")
    assert ended.code == 0
    heading, *rows = ended.lines
    assert heading.split() == [
        *("prefix", "peer", "router", "rib", "next", "hop", "as", "path", "origin", "rpki", "age")
    ]
    assert [row.split()[:5] for row in rows] == [
        ["10.1.0.0/16", "192.0.2.2", "AS64502", "edge-1", "adj_in_pre"],
        ["10.1.2.0/24", "192.0.2.1", "AS64501", "edge-1", "adj_in_pre"],
    ]
    assert [re.search(r"(valid|invalid|not found)  \d+s$", row)[1] for row in rows] == [  # type: ignore[index]  # each has one
        "invalid",
        "invalid",
    ]
    assert ["Example Origin" in row for row in rows] == [True, False]
    assert FRESH.fullmatch(ended.err.strip())


async def test_filters_are_options_and_add_up(url: str) -> None:
    ended = await bgpilot(
        url, "routes", "10.0.0.0/8", "--match", "longer", "--peer-asn", "AS64501", "--limit", "5"
    )
    assert [row.split()[0] for row in ended.lines[1:]] == ["10.1.0.0/16", "10.1.2.0/24"]
    valid = await bgpilot(url, "routes", "--rpki", "valid")
    assert [row.split()[0] for row in valid.lines[1:]] == ["10.1.0.0/16"]


async def test_a_withdrawn_route_is_marked_and_the_mark_explained(url: str) -> None:
    ended = await bgpilot(url, "routes", "--state", "withdrawn")
    assert [row.split()[:2] for row in ended.lines[1:]] == [["-", "10.9.0.0/16"]]
    assert "- withdrawn" in ended.err.splitlines()


async def test_a_stale_route_is_marked_and_its_router_named(empty: str, ingest: Ingest) -> None:
    await ingest.say(
        speaker.initiation("edge-2"),
        speaker.peer_up(TRANSIT),
        speaker.announce(TRANSIT, "198.51.100.0/24"),
    )
    await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'lost'", 1)
    ended = await bgpilot(empty, "routes", "198.51.100.0/24")
    assert ended.lines[1].split()[:2] == ["~", "198.51.100.0/24"]
    assert "~ stale: the last that is known" in ended.err.splitlines()
    assert "warning: 1 of these routes are stale: the connection to router edge-2" in ended.err


async def test_before_any_router_came_there_is_no_route_and_no_data(empty: str) -> None:
    ended = await bgpilot(empty, "routes", "198.51.100.0/24")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.splitlines() == ["no route", "no router has sent anything yet"]


async def test_no_route_is_said_plainly_and_is_no_failure(url: str) -> None:
    ended = await bgpilot(url, "routes", "172.16.0.1")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.splitlines()[0] == "no route"
    assert FRESH.search(ended.err)


async def test_a_limit_is_met_over_pages_and_more_is_said_to_be_there(url: str) -> None:
    ended = await bgpilot(url, "routes", "--limit", "2")
    assert len(ended.lines) == 3
    assert "there are more: these are the first 2 (see --limit)" in ended.err


async def test_json_is_the_answer_of_the_api_as_it_is(url: str) -> None:
    ended = await bgpilot(url, "routes", "10.1.0.0/16", "--json")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/api/v1/routes?prefix=10.1.0.0/16")
    shown, asked = json.loads(ended.out), answer.json()
    assert (ended.code, ended.err) == (0, "")
    assert [without_age(one) for one in shown["data"]] == [
        without_age(one) for one in asked["data"]
    ]


def without_age(route: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in route.items() if name != "age_s"}


async def test_ndjson_has_every_route_on_a_line(url: str) -> None:
    ended = await bgpilot(url, "routes", "--ndjson")
    routes = [json.loads(line) for line in ended.lines]
    found = [one["prefix"] for one in routes if "prefix" in one]
    assert sorted(found) == ["10.1.0.0/16", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/24"]


async def test_what_the_api_refuses_is_one_sentence_and_1(url: str) -> None:
    ended = await bgpilot(url, "routes", "10.0.0.1/8")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "bgpilot: prefix: 10.0.0.1/8 has bits set outside its mask; did you mean 10.0.0.0/8?\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("routes", "--match", "best"),
        ("routes", "--no-such-option"),
        ("routes", "10.0.0.0/8", "10.0.0.0/9"),
        ("peers", "--state", "dead"),
        ("routers", "--limit", "0"),
        ("routes", "--ndjson", "--limit", "5"),
    ],
    ids=" ".join,
)
async def test_an_option_that_means_nothing_is_2(arguments: tuple[str, ...]) -> None:
    ended = await bgpilot("http://127.0.0.1:1", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: ")


async def test_peers_and_routers_are_tables_too(url: str) -> None:
    peers = await bgpilot(url, "peers", "--asn", "64502")
    assert (peers.code, len(peers.lines)) == (0, 2)
    assert peers.lines[1].split()[1:8] == [
        *("192.0.2.2", "64502", "Example", "Customer", "edge-1", "global", "up")
    ]
    assert FRESH.fullmatch(peers.err.strip())
    routers = await bgpilot(url, "routers")
    assert routers.lines[1].split()[1] == "edge-1"
    assert "2/2" in routers.lines[1].split()
    none = await bgpilot(url, "peers", "--asn", "65000")
    assert none.err.splitlines()[0] == "no peer"


async def test_a_width_that_is_asked_for_is_kept_and_pipes_are_free_of_colours(url: str) -> None:
    ended = await bgpilot(url, "routes", COLUMNS="60", FORCE_COLOR="1")
    assert all(len(line) <= 60 for line in ended.lines)
    assert "\x1b" not in ended.out


async def test_a_gateway_that_is_not_there_is_said_with_what_to_do() -> None:
    with refusing() as url:
        ended = await bgpilot(url, "routes")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"bgpilot: no gateway answers at {url}: start one with `bgpilot up`, or say in "
        "BGPILOT_URL where it is\n"
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "does not answer as this version"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "is that a gateway of bgpilot?"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{", "broke off"),
        (b"SSH-2.0-OpenSSH\r\n", "broke off"),
    ],
)
async def test_what_is_no_gateway_is_said_in_one_sentence(answer: bytes, said: str) -> None:
    async with speaking(answer) as url:
        ended = await bgpilot(url, "routes")
    assert ended.code == 1
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


async def test_an_address_that_is_none_is_a_wrong_setting() -> None:
    ended = await bgpilot("localhost:8080", "routes")
    assert ended.code == 1
    assert ended.err.startswith("bgpilot: settings cannot be used: BGPILOT_URL")


async def test_a_reader_that_has_seen_enough_ends_it_quietly(url: str) -> None:
    shell = await asyncio.create_subprocess_shell(
        f"{sys.executable} -c 'from shared.cli.main import main; main()' routes --ndjson | true",
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "BGPILOT_URL": url},
    )
    assert await shell.communicate() == (b"", b"")


@pytest.mark.parametrize(
    ("command", "path"), [(commands.routes, "/api/v1/routes"), (commands.peers, "/api/v1/peers")]
)
def test_every_filter_of_the_api_is_an_option_with_the_same_choices(
    command: click.Command, path: str
) -> None:
    app = create_app(RoutesSettings(database_url=SecretStr("postgresql://127.0.0.1:1/none")))
    asked = {one["name"]: one for one in app.openapi()["paths"][path]["get"]["parameters"]}
    options = {str(option.name): option for option in command.params}
    assert set(options) - {"form"} - NO_FILTERS == set(asked) - NO_FILTERS
    for name, option in options.items():
        choices = choices_of(asked.get(name, {}).get("schema", {}))
        if choices:
            assert isinstance(option.type, click.Choice)
            assert set(option.type.choices) == choices


EXAMPLES = re.findall(
    r"^ +\$ bgpilot (.*)$", (Path(__file__).parents[2] / "docs/cli.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_documents_can_be_run_as_it_is(example: str) -> None:
    name, *arguments = shlex.split(example)
    command: click.Command = getattr(commands, name)
    assert command.make_context(name, arguments).params


def choices_of(schema: dict[str, Any]) -> set[str]:
    """What an `enum` somewhere in the schema of a parameter allows."""
    inner = [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]
    return set(schema.get("enum", [])).union(*map(choices_of, inner))


async def test_every_family_and_every_state_has_its_line(empty: str, ingest: Ingest) -> None:
    async with world.told_to(ingest):
        everything = await bgpilot(empty, "routes", "--state", "all", "--limit", "1000")
        evpn = await bgpilot(empty, "routes", "--mac", world.MOVED_MAC)
        vpn = await bgpilot(empty, "routes", "--family", "vpnv4")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{empty}/api/v1/routes?state=all&limit=1000")
    assert len(everything.lines) == 1 + len(answer.json()["data"])
    assert {line[0] for line in everything.lines[1:]} == {" ", "~", "-"}
    assert re.search(rf"^\[2\] \S+ {world.MOVED_MAC}", evpn.lines[1])
    assert re.search(r"^\S+:\d+ 10\.20\.0\.0/16 ", vpn.lines[1])


async def test_a_moment_is_asked_about_with_timestamp(url: str) -> None:
    before = await bgpilot(url, "routes", "10.1.0.0/16", "--timestamp", "2026-01-01T00:00:00Z")
    assert (before.code, before.out) == (0, "")
    assert before.err.startswith("no route\n")
    assert len((await bgpilot(url, "routes", "10.1.0.0/16", "--timestamp", "-0s")).lines) == 3
    wrong = await bgpilot(url, "routes", "--timestamp", "yesterday")
    assert wrong.code == 1
    assert wrong.err.startswith("bgpilot: timestamp: ")
