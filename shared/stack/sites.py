"""Two sites for the demo to move traffic between: a fake GCP, a fake Cloudflare, and settings.

The fakes belong to the tests, so a checkout has them and an installed bgpilot has not. What they
announce is told over BMP by a router that is a fake, too, so that moves are confirmed for real.
"""

from __future__ import annotations

import json
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shared.stack.component import Component
from shared.stack.module import http_ready, module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.stack.settings import StackSettings

PREFIX = "198.18.0.0/24"
"""Of the addresses for benchmarks (RFC 2544), which no router's table has."""
UPSTREAM = "upstream.example.net"
"""The router that tells of the sites."""
_ROOT = Path(__file__).parents[2]
_LOOPBACK, _UPSTREAM_ADDRESS = "127.0.0.1", "127.0.0.2"
# As the fakes have them: `python -m tests.fakes.gcp --help`, `python -m tests.fakes.cloudflare`.
_REGIONS = {"LOCAL": ("us-east1", "rt-east"), "REMOTE": ("us-west1", "rt-west")}
_PEERS = {"LOCAL": "198.18.255.1", "REMOTE": "198.18.255.2"}
_ACCOUNT, _CLOUDFLARE_TOKEN = "023e105f4ecef8ad9ca31a8372d0c353", "fake-token"
_NOT_OURS = ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDFLARE_API_TOKEN_FILE")
"""Whoever works with the real clouds has these set."""


def why_none(settings: StackSettings) -> str | None:
    """Why the demo has no sites of its own; None: it can have them."""
    if settings.has_failover:
        return "PRIMARY_PREFIX is set: the failover service is yours, and not the demo's"
    if not (_ROOT / "tests" / "fakes" / "gcp.py").is_file():
        return "the fake GCP and Cloudflare are only in a checkout of bgpilot"
    try:
        socket.create_server((_UPSTREAM_ADDRESS, 0)).close()
    except OSError:
        return (
            f"this machine has no address {_UPSTREAM_ADDRESS} for the router upstream of the sites"
        )
    return None


@dataclass(frozen=True)
class Sites:
    """Where the fakes listen, and the token that moves traffic."""

    gcp_port: int
    cloudflare_port: int
    operator_token: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    @classmethod
    def at_free_ports(cls) -> Sites:
        """Wherever nobody listens now."""
        with (
            socket.create_server((_LOOPBACK, 0)) as one,
            socket.create_server((_LOOPBACK, 0)) as other,
        ):
            return cls(one.getsockname()[1], other.getsockname()[1])

    @property
    def gcp(self) -> str:
        """The URL of the fake GCP."""
        return f"http://{_LOOPBACK}:{self.gcp_port}"

    @property
    def cloudflare(self) -> str:
        """The URL of the fake Cloudflare."""
        return f"http://{_LOOPBACK}:{self.cloudflare_port}"

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Variables for two sites at the fakes, watched closely enough for somebody who waits."""
        kept = {name: value for name, value in base.items() if name not in _NOT_OURS}
        sites = {
            "GCP_PROJECT": "demo",
            "FAILOVER_GCP_URL": self.gcp,
            "FAILOVER_CLOUDFLARE_URL": self.cloudflare,
            "CLOUDFLARE_ACCOUNT_ID": _ACCOUNT,
            "CLOUDFLARE_API_TOKEN": _CLOUDFLARE_TOKEN,
            "DESCRIPTION_SUBSTRING": "edge-",
            "PRIMARY_INTERNAL_IP": "10.0.0.1",
            "SECONDARY_INTERNAL_IP": "10.0.1.1",
            "PRIMARY_PREFIX": PREFIX,
        }
        for site, (region, router) in _REGIONS.items():
            sites |= {
                f"{site}_GCP_REGION": region,
                f"{site}_BGP_REGION": region,
                f"{site}_BGP_ROUTER": router,
                f"FAILOVER_{site}_PEERS": _PEERS[site],
            }
        quick = {
            "CHECK_INTERVAL_SECONDS": 2,
            "MAX_RETRIES": 0,
            "FAILOVER_CALL_SECONDS": 1,
            "FAILOVER_OBSERVER_SECONDS": 1.5,
            "CIRCUIT_BREAKER_TIMEOUT_SECONDS": 2,
            "FAILOVER_RISE": 1,
            "FAILOVER_FALL": 2,
            "FAILOVER_MAX_AGE_SECONDS": 10,
            "FAILOVER_HOLD_DOWN_SECONDS": 4,
            "FAILOVER_MIN_INTERVAL_SECONDS": 10,
            "FAILOVER_WARM_UP_CYCLES": 0,
            "FAILOVER_STEP_SECONDS": 20,
            "FAILOVER_CONFIRM_SECONDS": 20,
            "FAILOVER_LEASE_SECONDS": 6,
        }
        token = {"GATEWAY_OPERATOR_TOKEN": self.operator_token}
        return kept | sites | {name: str(value) for name, value in quick.items()} | token

    def components(self, station: str, environment: Mapping[str, str]) -> list[Component]:
        """The fakes; `station` is where the router upstream speaks BMP to."""
        found = {**environment, "PYTHONPATH": str(_ROOT)}
        return [
            Component(
                name="fake gcp",
                argv=(
                    *module("tests.fakes.gcp"),
                    *("--port", str(self.gcp_port), "--prefix", PREFIX),
                    *("--bmp", station, "--bmp-from", _UPSTREAM_ADDRESS),
                    *("--east", _PEERS["LOCAL"], "--west", _PEERS["REMOTE"]),
                ),
                environment=found,
                needs=("ingest",),
                is_ready=http_ready(f"{self.gcp}/control/announced"),
            ),
            Component(
                name="fake cloudflare",
                argv=(
                    *module("tests.fakes.cloudflare"),
                    *("--port", str(self.cloudflare_port), "--prefix", PREFIX),
                ),
                environment=found,
                is_ready=http_ready(f"{self.cloudflare}/control/traffic"),
                plain_line=lambda text: ("info", text),
            ),
        ]

    def lines(self, gateway: str) -> list[tuple[str, str]]:
        """What to try, each with the curl line for it."""
        post = (
            f"curl -s -X POST '{gateway}/api/v1/failover/switchover' "
            f"-H 'Authorization: Bearer {self.operator_token}' "
            "-H 'Content-Type: application/json' -d "
        )
        back = {"from": "remote", "to": "local", "reason": "it is mended"}
        return [
            ("Break the local site. It takes about 15 seconds:", self._health("UNHEALTHY")),
            (
                "Each step, and by what it was seen to be done, BMP included:",
                f"curl -s '{gateway}/api/v1/failover/plans?limit=1'",
            ),
            (
                "Where routers see the prefix:",
                f"curl -s '{gateway}/api/v1/routes?prefix={PREFIX}'",
            ),
            ("Where Cloudflare sends the traffic:", f"curl -s '{self.cloudflare}/control/traffic'"),
            ("Mend the site, and take the traffic back:", self._health("HEALTHY")),
            ("", f"{post}'{json.dumps(back)}'"),
        ]

    def _health(self, health: str) -> str:
        states = json.dumps({_REGIONS["LOCAL"][0]: [health, health]})
        return f"curl -s -X PUT '{self.gcp}/control/health' -d '{states}'"
