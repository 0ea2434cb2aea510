"""`bgpilot up` itself: the real services on ports and in a home of their own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.stack.programs import Supervised, left_over

if TYPE_CHECKING:
    from pathlib import Path

LISTENERS = ("INGEST_BMP", "INGEST_HTTP", "ROUTES_HTTP", "FAILOVER_HTTP", "GATEWAY_HTTP")
COMPONENTS = ["postgres", "ingest", "routes", "gateway"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home and ports that nobody else uses."""
    with ExitStack() as bound:
        servers = [
            bound.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in LISTENERS
        ]
        ports = [server.getsockname()[1] for server in servers]
    variables = {f"{name}_PORT": str(port) for name, port in zip(LISTENERS, ports, strict=True)}
    return {"BGPILOT_HOME": str(tmp_path / "home"), "DATABASE_URL": "", **variables}


def curl(line: str) -> Any:
    """The answer to a line of the demo, as a shell gets it."""
    done = subprocess.run(shlex.split(line), capture_output=True, check=True, timeout=30)
    return json.loads(done.stdout) if done.stdout else None


def up(environment: dict[str, str], *options: str) -> Supervised:
    program = "from shared.cli.main import main; main()"
    return Supervised([sys.executable, "-c", program, "up", *options], environment)


def test_everything_starts_outlives_kills_and_stops_in_reverse_order(
    environment: dict[str, str],
) -> None:
    gateway = f"http://127.0.0.1:{environment['GATEWAY_HTTP_PORT']}"
    with up(environment) as run:
        run.until("everything is up")
        told = {e["what"]: e["at"] for e in run.events if e["event"] == "available"}
        assert told["gateway"] == gateway
        assert told["API documentation"] == f"{gateway}/docs"
        assert told["BMP station"] == f"127.0.0.1:{environment['INGEST_BMP_PORT']}"
        assert told["database"].startswith("postgresql://bgpilot@/bgpilot?host=")

        pids = {e["component"]: e["pid"] for e in run.events if e["event"] == "started"}
        for name in COMPONENTS:
            os.kill(pids[name], signal.SIGKILL)
        assert {run.until("ready")["component"] for _ in COMPONENTS} == set(COMPONENTS)
        killed = [e["reason"] for e in run.events if e["event"] == "component ended"]
        assert len(killed) >= len(COMPONENTS)
        assert {reason[:14] for reason in killed[: len(COMPONENTS)]} == {"signal SIGKILL"}
        answer = httpx.get(f"{gateway}/api/v1/routers", trust_env=False, timeout=10.0)
        assert (answer.status_code, answer.json()["data"]) == (httpx.codes.OK, [])

        run.signal(signal.SIGTERM)
        assert run.end() == 0
        assert run.stderr() == ""
    assert run.components("stopped") == COMPONENTS[::-1]
    assert left_over(run.pids()) == []


def test_a_database_of_ones_own_is_used_instead_of_the_embedded_one(
    environment: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    with up({**environment, "DATABASE_URL": database_url}, "--once") as run:
        assert run.end() == 0
    assert "postgres" not in run.components("started")
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_database_that_is_not_there_is_one_sentence(
    environment: dict[str, str], tmp_path: Path
) -> None:
    url = f"postgresql://bgpilot:secret@/bgpilot?host={tmp_path}"
    with up({**environment, "DATABASE_URL": url}) as run:
        assert run.end() == 1
        words = run.stderr()
    assert words.startswith("bgpilot: the database ")
    assert len(words.splitlines()) == 1
    assert "secret" not in words
    assert run.events == []


def test_a_port_in_use_is_one_sentence_and_nothing_is_started(environment: dict[str, str]) -> None:
    with (
        closing(socket.create_server(("127.0.0.1", int(environment["INGEST_BMP_PORT"])))),
        up(environment) as run,
    ):
        assert run.end() == 1
        words = run.stderr()
    assert words.startswith(f"bgpilot: 127.0.0.1:{environment['INGEST_BMP_PORT']} (ingest bmp) is")
    assert words.endswith("set INGEST_BMP_PORT to another port\n")
    assert run.events == []


def test_a_setting_that_cannot_be_is_one_sentence(environment: dict[str, str]) -> None:
    with up({**environment, "GATEWAY_HTTP_PORT": "http"}) as run:
        assert run.end() == 1
        assert run.stderr().startswith("bgpilot: settings cannot be used: GATEWAY_HTTP_PORT: ")


def test_the_demo_replays_shows_real_answers_and_ends(environment: dict[str, str]) -> None:
    with up(environment, "--demo", "--once") as run:
        code = run.end()
        assert (code, run.stderr()) == (0, ""), run.text
    assert run.text.count("\n$ curl -s ") == 14
    assert '"state": "active"' in run.text
    assert '"state": "both"' in run.text
    assert '"type": "urn:' not in run.text
    stopped = run.components("stopped")
    assert stopped[:2] == ["replay", "gateway"]
    assert {"failover", "fake gcp", "fake cloudflare"} <= set(stopped)
    assert [name for name in stopped if name in COMPONENTS] == COMPONENTS[::-1]


def test_a_demo_of_somebody_who_has_sites_says_that_it_has_none(
    environment: dict[str, str],
) -> None:
    with up({**environment, "PRIMARY_PREFIX": "203.0.113.0/24"}, "--demo", "--once") as run:
        assert run.end() == 1  # nothing else of the failover service is set
    (said,) = (each for each in run.events if each["event"] == "no sites to move traffic between")
    assert "PRIMARY_PREFIX is set" in said["reason"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_what_the_demo_says_to_try_moves_the_traffic_there_and_back(
    environment: dict[str, str],
) -> None:
    with up(environment, "--demo") as run:
        run.until("shown")
        told = [line[2:] for line in run.text.splitlines() if line.startswith("$ curl")]
        break_site, plans, seen, traffic, mend, back = told[-6:]
        assert curl(traffic) == {"198.18.0.0/24": {"10.0.0.1": 1.0}}
        curl(break_site)
        run.until("plan ended")
        (plan,) = curl(plans)["data"]
        assert (plan["state"], plan["target"], plan["alarm"]) == ("done", "remote", None)
        assert curl(traffic) == {"198.18.0.0/24": {"10.0.1.1": 1.0}}
        (route,) = curl(seen)["data"]
        assert (route["router"], route["peer"]["address"]) == (
            "upstream.example.net",
            "198.18.255.2",
        )
        curl(mend)
        run.until("decision", state="both")
        curl(back)
        assert run.until("plan ended")["state"] == "done"
        assert curl(traffic) == {"198.18.0.0/24": {"10.0.0.1": 1.0}}
        run.signal(signal.SIGTERM)
        assert run.end() == 0
