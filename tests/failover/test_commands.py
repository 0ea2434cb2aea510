"""`bgpilot failover`: what it prints, and how it exits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from services.failover.commands import failover
from tests.failover.configured import VALUES
from tests.whole import whole

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without `.env`, and no variables of whoever runs the test."""
    monkeypatch.chdir(tmp_path)
    for name in VALUES:
        monkeypatch.delenv(name.upper(), raising=False)


def run(*arguments: str, **changed: str | None) -> Result:
    values = {**{name: _text(value) for name, value in VALUES.items()}, **changed}
    environment = {name.upper(): value for name, value in values.items()}
    return CliRunner().invoke(failover, arguments, env=environment)


def _text(value: object) -> str:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)


def test_all_that_is_wrong_is_said_line_by_line() -> None:
    done = run("check-config", primary_prefix="203.0.113.1/24", max_backoff_seconds="0.1")
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "2 faults:",
        "  PRIMARY_PREFIX: write 203.0.113.0/24",
        "  MAX_BACKOFF_SECONDS: 0.1 is below INITIAL_BACKOFF_SECONDS: write 1 or more",
    ]


def test_what_settings_come_to_is_said_without_secrets() -> None:
    done = run("check-config")
    assert done.exit_code == 0
    assert "local: 203.0.113.0/24 is announced by rt-east in us-east1 of edge" in done.output
    assert "and back by hand" in done.output
    assert "a-token" not in done.output


def test_practice_runs_are_told_with_the_next_one() -> None:
    done = run(
        "check-config",
        failover_practice_cron="0 3 1 1 *",
        failover_practice_timezone="Europe/Berlin",
        failover_practice_blocked="2026-12-24",
    )
    expected = (
        "practice runs (dry, for 1800 s) at '0 3 1 1 *', but not at 2026-12-24; the next at 2"
    )
    assert expected in done.output
    assert "-01-01 03:00:00+01:00" in done.output
    assert "practice runs" not in run("check-config").output


def test_a_preflight_names_what_cannot_be_reached() -> None:
    done = run(
        "check-config",
        "--preflight",
        max_retries="0",
        failover_gcp_url="http://127.0.0.1:9",
        failover_cloudflare_url="http://127.0.0.1:9",
    )
    assert done.exit_code == 1
    assert "FAULT: the local site's router: " in done.output
    assert "FAULT: the Cloudflare token: " in done.output


def test_the_status_is_told_in_lines(postgres_dsn: str, tmp_path: Path) -> None:
    with whole(postgres_dsn, tmp_path) as parts:
        done = run("status", bgpilot_url=parts.gateway)
    assert done.exit_code == 0, done.output
    assert "the local site serves and is well (all_well)" in done.output.splitlines()
    assert "local service: healthy" in done.output


async def test_without_a_gateway_it_says_where_it_looked() -> None:
    done = await asyncio.to_thread(run, "status", bgpilot_url="http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:9" in str(done.exception)


def test_who_announces_for_a_site_is_said() -> None:
    done = run(
        "check-config",
        failover_local_announcer="exabgp",
        failover_local_exabgp_pipe="/run/exabgp/east",
        failover_local_exabgp_communities="65000:1",
    )
    assert done.exit_code == 0
    assert (
        "announced by ExaBGP at /run/exabgp/east.in with the next hop self and the communities "
        "65000:1; tunnels to 10.0.0.1"
    ) in done.output


def test_a_preflight_names_an_exabgp_that_is_not_there(tmp_path: Path) -> None:
    done = run(
        "check-config",
        "--preflight",
        max_retries="0",
        failover_gcp_url="http://127.0.0.1:9",
        failover_cloudflare_url="http://127.0.0.1:9",
        failover_local_announcer="exabgp",
        failover_local_exabgp_pipe=str(tmp_path / "east"),
    )
    assert done.exit_code == 1
    assert "FAULT: the local site's ExaBGP: ExaBGP `show neighbor summary` failed" in done.output
    assert "the local site's router" not in done.output
