"""The documents say what is there: every setting, every endpoint, every link."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.settings import GatewaySettings
from services.failover import endpoints as failover_endpoints
from services.failover.settings import FailoverSettings
from services.ingest.endpoints import api as ingest_api
from services.ingest.settings import IngestSettings
from services.routes import endpoints as routes_endpoints
from services.routes.settings import RoutesSettings
from shared.clients.settings import ClientSettings
from shared.db.layout import LayoutSettings
from shared.stack.settings import StackSettings

if TYPE_CHECKING:
    from shared.settings import Settings

ROOT = Path(__file__).parent.parent
SETTINGS: tuple[type[Settings], ...] = (
    IngestSettings,
    RoutesSettings,
    GatewaySettings,
    StackSettings,
    FailoverSettings,
    LayoutSettings,
    ClientSettings,
)
VARIABLES = {name.upper(): field for kind in SETTINGS for name, field in kind.model_fields.items()}
EXAMPLE = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
SOURCES = [
    path for name in ("gateway", "services", "shared") for path in (ROOT / name).rglob("*.py")
]
METRICS = {
    name for path in SOURCES for name in re.findall(r'"(bgpilot_[a-z_]+[a-z])"', path.read_text())
}
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_example_has_every_setting_and_no_other() -> None:
    assert set(EXAMPLE) == set(VARIABLES)


@pytest.mark.parametrize("name", sorted(EXAMPLE))
def test_the_example_shows_the_default(name: str) -> None:
    default = VARIABLES[name].default
    shown = EXAMPLE[name]
    if isinstance(default, int | float) and not isinstance(default, bool):
        assert float(shown) == default
    elif hasattr(default, "get_secret_value") or default is None or VARIABLES[name].is_required():
        assert shown == ""
    else:
        assert shown == str(default)


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_a_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs/configuration.md").read_text()


def test_no_other_setting_is_documented() -> None:
    documented = re.findall(
        r"^\| `([A-Z_]+)` \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE
    )
    assert set(documented) == set(VARIABLES)


APIS = (ingest_api, *routes_endpoints.ALL, *failover_endpoints.ALL)


@pytest.mark.parametrize(
    "endpoint",
    sorted(
        {
            f"{method} {route.path_format}"  # type: ignore[attr-defined]
            for api in APIS
            for route in api.routes
            for method in getattr(route, "methods", {"GET"}) - {"HEAD"}
        }
    ),
)
def test_an_endpoint_is_documented(endpoint: str) -> None:
    assert f"`{endpoint}`" in (ROOT / "docs/api.md").read_text()


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_is_documented(name: str) -> None:
    assert f"| `{name}` |" in (ROOT / "docs/metrics.md").read_text()


def test_no_other_metric_is_documented() -> None:
    every_page = "".join(path.read_text() for path in DOCUMENTS)
    parts = {"_bucket", "_count", "_sum"}
    named = {
        name
        for name in re.findall(r"\bbgpilot_(?:ingest|gateway|http|worker)_[a-z_]+[a-z]", every_page)
        if not any(name.removesuffix(part) in METRICS for part in parts)
    }
    assert named <= METRICS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target
