"""The two sites of the demo: where there are none, and what they are made of."""

from __future__ import annotations

import json
import shlex
import socket
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from services.failover.settings import FailoverSettings
from shared.stack import sites
from shared.stack.components import components
from shared.stack.settings import StackSettings
from shared.stack.sites import PREFIX, Sites, why_none
from tests.fakes import cloudflare, gcp

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

GATEWAY = "http://127.0.0.1:8080"


def settings(**changed: Any) -> StackSettings:
    database = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    return StackSettings(_env_file=None, database_url=database, **changed)


def test_a_checkout_has_sites_and_an_installed_bgpilot_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert why_none(settings()) is None
    monkeypatch.setattr(sites, "_ROOT", tmp_path)
    assert "only in a checkout" in str(why_none(settings()))


def test_whoever_has_sites_of_their_own_keeps_them() -> None:
    assert "is yours" in str(why_none(settings(primary_prefix="203.0.113.0/24")))


def test_without_a_second_loopback_address_there_is_no_router_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(address: tuple[str, int]) -> None:
        raise OSError(f"cannot assign requested address {address[0]}")

    monkeypatch.setattr(socket, "create_server", refuse)
    assert "no address 127.0.0.2" in str(why_none(settings()))


def test_the_settings_of_the_sites_go_together_and_are_those_of_the_fakes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Sites(18090, 18091, "a-token").environment(
        {"PATH": "/bin", "GOOGLE_APPLICATION_CREDENTIALS": "/home/ada/key.json"}
    )
    assert found["PATH"] == "/bin"
    assert found["GATEWAY_OPERATOR_TOKEN"] == "a-token"
    for name in FailoverSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    read = FailoverSettings(_env_file=None, database_url=SecretStr("postgresql:///x"))
    assert read.google_application_credentials is None
    assert read.failover_gcp_url == "http://127.0.0.1:18090"
    assert read.cloudflare_account_id == cloudflare.ACCOUNT
    assert read.cloudflare_token().get_secret_value() == cloudflare.TOKEN
    assert (read.gcp_project, read.local_bgp_region, read.local_bgp_router) == gcp.LOCAL
    assert (read.gcp_project, read.remote_bgp_region, read.remote_bgp_router) == gcp.REMOTE


def test_the_failover_service_waits_for_the_fakes_and_the_fake_router_for_the_station() -> None:
    configured = settings(primary_prefix=PREFIX, ingest_bmp_port=21019)
    parts = {part.name: part for part in components(configured, Sites(18090, 18091, "a-token"))}
    assert parts["failover"].needs == ("routes", "fake gcp", "fake cloudflare")
    assert parts["fake gcp"].needs == ("ingest",)
    assert "127.0.0.1:21019" in parts["fake gcp"].argv
    assert "fake gcp" in parts["gateway"].needs
    assert parts["gateway"].environment["GATEWAY_OPERATOR_TOKEN"] == "a-token"


def test_each_line_to_try_is_a_command_of_a_shell_with_whole_json() -> None:
    for _, line in Sites(18090, 18091, "a-token").lines(GATEWAY):
        command, *arguments = shlex.split(line)
        assert command == "curl"
        if "-d" in arguments:
            json.loads(arguments[arguments.index("-d") + 1])
