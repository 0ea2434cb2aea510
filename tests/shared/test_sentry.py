"""What is sent to Sentry: issues with their context, and never a secret."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import sentry_sdk
import structlog
from fastapi import FastAPI, Header
from pydantic import SecretStr
from sentry_sdk.transport import Transport

from shared import log
from shared.errors import ConfigurationError
from shared.settings import LogSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sentry_sdk.envelope import Envelope
    from sentry_sdk.types import Event

DSN = "http://public-key@127.0.0.1:9/1"


class Collected(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)

    @property
    def events(self) -> list[Event]:
        """The issues."""
        return [event for one in self.envelopes if (event := one.get_event()) is not None]

    @property
    def transactions(self) -> list[dict[str, Any]]:
        """The traced requests."""
        found = [one.get_transaction_event() for one in self.envelopes]
        return [dict(event) for event in found if event is not None]

    @property
    def text(self) -> str:
        """All of it."""
        items = [item for one in self.envelopes for item in one.items]
        return "".join(item.payload.get_bytes().decode() for item in items)


def settings(**more: Any) -> LogSettings:
    return LogSettings(log_format="json", sentry_dsn=SecretStr(DSN), **more)


@pytest.fixture
def clean_log() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture
def sent(clean_log: None) -> Collected:
    return configured(settings())


def configured(settings: LogSettings) -> Collected:
    log.configure("ingest", settings, report=("BGP peer up",))
    client, collected = sentry_sdk.get_client(), Collected()
    assert client.transport is not None
    client.transport.kill()
    client.transport = collected
    return collected


def test_an_event_that_a_service_names_is_an_issue_with_its_fields(sent: Collected) -> None:
    structlog.get_logger("ingest").info("BGP peer up", peer="192.0.2.1", router="198.51.100.1")
    (event,) = sent.events
    assert (event["message"], event["level"]) == ("BGP peer up", "info")
    assert event["tags"] == {"service": "ingest", "peer": "192.0.2.1", "router": "198.51.100.1"}
    assert event["contexts"]["log"]["peer"] == "192.0.2.1"
    assert event["contexts"]["trace"]["trace_id"]
    assert event["environment"] == "production"


def test_a_parse_error_is_an_issue_with_its_octets(sent: Collected) -> None:
    octets = bytes(range(256)).hex()
    structlog.get_logger().error(
        "malformed_message", router="::1", message_type="peer up", error="no", data_hex=octets
    )
    (event,) = sent.events
    assert event["contexts"]["log"]["data_hex"] == octets
    assert event["tags"]["message_type"] == "peer up"


def test_issues_of_one_router_and_kind_are_one(sent: Collected) -> None:
    for router, error in (("::1", "at byte 7"), ("::1", "at byte 9"), ("::2", "at byte 7")):
        structlog.get_logger().error("malformed_message", router=router, error=error)
    prints = [tuple(event["fingerprint"]) for event in sent.events]
    assert prints[0] == prints[1] != prints[2]


def test_other_lines_are_breadcrumbs_of_the_next_issue(sent: Collected) -> None:
    structlog.get_logger().info("route_stats", received=7)
    structlog.get_logger().debug("bmp_message_received")
    assert not sent.events
    logging.getLogger("a.library").error("it %s", "failed")
    (event,) = sent.events
    assert event["message"] == "it failed"
    crumbs = [crumb for crumb in event["breadcrumbs"]["values"] if crumb["type"] == "default"]
    assert [(crumb["message"], crumb["data"]["received"]) for crumb in crumbs] == [
        ("route_stats", 7)
    ]


def test_an_exception_has_its_traceback_and_no_local_variables(sent: Collected) -> None:
    password = "hunter2"  # it must not appear
    try:
        raise ValueError(f"{len(password)} characters")
    except ValueError:
        structlog.get_logger().exception("it failed")
    (event,) = sent.events
    assert event["exception"]["values"][0]["value"] == "7 characters"
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    assert frames[-1]["function"].startswith("test_an_exception")
    assert all("vars" not in frame for frame in frames)


async def test_requests_are_traced_without_what_may_be_secret(clean_log: None) -> None:
    sent = configured(settings(sentry_traces_sample_rate=1.0))
    app = FastAPI()

    @app.post("/thing")
    async def thing(authorization: str = Header()) -> None:
        structlog.get_logger().error("it failed")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
        answer = await client.post(
            "/thing?key=in-the-query",
            headers={"Authorization": "Bearer in-a-header", "X-Identity": "signed-by-us"},
            json={"password": "in-the-body"},
        )
    assert answer.status_code == 200
    # By its name: once there was one of another request in this process beside it.
    (transaction,) = [one for one in sent.transactions if one["transaction"] == "/thing"]
    (event,) = sent.events
    assert event["contexts"]["trace"]["trace_id"] == transaction["contexts"]["trace"]["trace_id"]
    for secret in ("in-the-query", "in-a-header", "signed-by-us", "in-the-body", "public-key"):
        assert secret not in sent.text


def test_a_level_that_is_not_logged_is_not_sent(clean_log: None) -> None:
    sent = configured(settings(log_level="WARNING"))
    structlog.get_logger().info("BGP peer up")
    assert not sent.envelopes


def test_what_is_no_dsn_is_said_without_showing_it(clean_log: None) -> None:
    with pytest.raises(ConfigurationError, match="SENTRY_DSN") as raised:
        log.configure("ingest", LogSettings(sentry_dsn=SecretStr("hunter2")))
    assert "hunter2" not in str(raised.value)


def test_without_a_dsn_it_is_not_even_imported() -> None:
    program = (
        "import sys; from shared import log; from shared.settings import LogSettings; "
        "log.configure('ingest', LogSettings()); "
        "sys.exit(any(name.startswith(('sentry_sdk', 'shared.sentry')) for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={})


def test_a_dsn_without_the_package_is_an_error_that_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['sentry_sdk'] = None; from shared import log; "
        "from shared.cli.run import as_program; from shared.settings import LogSettings; "
        "as_program(lambda: log.configure('ingest', LogSettings()))()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env={"SENTRY_DSN": DSN},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "install bgpilot[sentry]" in ended.stderr
    assert "Traceback" not in ended.stderr
