"""The gateway's settings and its table."""

from __future__ import annotations

import pytest

from gateway.settings import GatewaySettings
from gateway.upstreams import TABLE, find, upstreams
from shared.errors import ConfigurationError
from shared.settings import load
from tests.gateway.harness.serving import settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("no-env-file"))


def test_every_service_of_the_table_has_its_url_in_the_settings() -> None:
    for upstream in upstreams(TABLE, GatewaySettings()).values():
        assert upstream.variable.lower() in GatewaySettings.model_fields
        # Without two sites there is nothing to move.
        assert upstream.enabled is (upstream.name != "failover")


def test_an_empty_url_disables_and_other_empty_variables_mean_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in GatewaySettings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    loaded = load(GatewaySettings)
    assert loaded.service_url("routes") == ""
    assert (loaded.gateway_http_port, loaded.log_format) == (8080, None)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("http://routes:8082", "http://routes:8082"),
        ("http://routes:8082/", "http://routes:8082"),
        ("https://[::1]:443", "https://[::1]:443"),
    ],
)
def test_a_url_is_an_origin(url: str, taken: str) -> None:
    assert settings(gateway_routes_url=url).gateway_routes_url == taken


@pytest.mark.parametrize(
    "url",
    [
        "routes:8082",
        "ftp://routes",
        "http://",
        "http://u:p@routes",
        "http://routes/api",
        "http://a b",
    ],
)
def test_a_url_that_is_no_origin_is_refused_by_name(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_ROUTES_URL", url)
    with pytest.raises(ConfigurationError, match="GATEWAY_ROUTES_URL"):
        load(GatewaySettings)


def test_the_token_does_not_show_in_what_is_printed() -> None:
    assert "hunter2" not in repr(settings(gateway_operator_token="hunter2"))


@pytest.mark.parametrize(
    ("path", "service"),
    [
        (b"/api/v1/stats", "routes"),
        (b"/api/v1/ingest/stats", "ingest"),
        (b"/api/v1/routers/7", "routes"),
        (b"/api/v1/routes/", "routes"),
        (b"/api/v1/route", None),
        (b"/api/v1/statsx", None),
        (b"/", None),
    ],
)
def test_the_table_names_whole_segments(path: bytes, service: str | None) -> None:
    entry = find(TABLE, path)
    assert (entry.service if entry else None) == service
