"""`bgpilot up` runs the failover service where there are two sites, and only there."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from shared.stack.components import components
from shared.stack.settings import StackSettings


def settings(**changed: Any) -> StackSettings:
    database = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    return StackSettings(_env_file=None, database_url=database, **changed)


def test_without_a_prefix_to_move_there_is_no_failover_service() -> None:
    parts = {part.name: part for part in components(settings())}
    assert "failover" not in parts
    assert parts["gateway"].needs == ("ingest", "routes")
    assert "failover_http" not in {each.name for each in settings().listeners()}


def test_with_one_it_runs_after_the_routes_service_and_before_the_gateway() -> None:
    configured = settings(primary_prefix="203.0.113.0/24", failover_http_port=18083)
    parts = {part.name: part for part in components(configured)}
    assert parts["failover"].needs == ("routes",)
    assert parts["failover"].environment["FAILOVER_HTTP_PORT"] == "18083"
    assert parts["failover"].environment["FAILOVER_ROUTES_URL"] == "http://127.0.0.1:8082"
    assert "failover" in parts["gateway"].needs
    assert parts["gateway"].environment["GATEWAY_FAILOVER_URL"] == "http://127.0.0.1:18083"
    assert "failover_http" in {each.name for each in configured.listeners()}
