"""compose.yaml runs what there is, with the variables that there are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.settings import GatewaySettings
from services.failover.settings import FailoverSettings
from services.ingest.settings import IngestSettings
from services.routes.settings import RoutesSettings

COMPOSE: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parent.parent / "compose.yaml").read_text()
)
OURS = {
    "ingest": IngestSettings,
    "routes": RoutesSettings,
    "failover": FailoverSettings,
    "gateway": GatewaySettings,
}
OPTIONAL = {"failover"}
"""They run where they are configured."""


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_module_that_exists(name: str) -> None:
    program, flag, module = COMPOSE["services"][name]["command"]
    assert (program, flag) == ("python", "-m")
    assert importlib.util.find_spec(f"{module}.__main__") is not None


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_given_only_variables_that_it_reads(name: str) -> None:
    given = {variable.lower() for variable in COMPOSE["services"][name]["environment"]}
    assert given <= set(OURS[name].model_fields)


def test_only_the_gateway_and_the_bmp_station_are_published_and_on_loopback() -> None:
    published = {
        name: service["ports"]
        for name, service in COMPOSE["services"].items()
        if "ports" in service
    }
    assert set(published) == {"ingest", "gateway"}
    for (port,) in published.values():
        assert ":-127.0.0.1:" in port


def test_a_service_that_is_left_out_blocks_no_other() -> None:
    for name, service in COMPOSE["services"].items():
        assert "depends_on" not in service
        default = 0 if name in OPTIONAL else 1
        assert service["deploy"]["replicas"].endswith(f":-{default}}}")


def test_our_containers_can_write_nothing_and_gain_nothing() -> None:
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
