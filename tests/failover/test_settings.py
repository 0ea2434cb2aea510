"""What is wrong with the settings is said at once, in words that tell what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from services.failover.policy.model import Site
from shared.settings import faults
from tests.failover.configured import configured

if TYPE_CHECKING:
    from pathlib import Path


def said(**changed: Any) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        configured(**changed)
    assert "a-token" not in str(raised.value)
    return faults(raised.value)


def test_settings_that_go_together_are_taken() -> None:
    settings = configured()
    assert settings.router_project == "edge"
    assert settings.limits.hold_down.total_seconds() == 60


def test_all_faults_are_said_at_once_also_those_between_settings() -> None:
    found = said(
        primary_prefix="203.0.113.7/24",
        local_bgp_router=None,
        max_backoff_seconds=0.5,
        cloudflare_primary_priority=300,
    )
    assert [fault.partition(" ")[0].rstrip(":") for fault in found] == [
        "PRIMARY_PREFIX",
        "MAX_BACKOFF_SECONDS",
        "CLOUDFLARE_PRIMARY_PRIORITY",
        "LOCAL_BGP_ROUTER",
    ]
    assert any("LOCAL_BGP_ROUTER: it is not set" in fault for fault in found)
    assert any("write 203.0.113.0/24" in fault for fault in found)


def test_a_site_that_an_exabgp_announces_needs_no_cloud_router() -> None:
    settings = configured(
        failover_local_announcer="exabgp",
        local_bgp_router=None,
        local_bgp_region=None,
        failover_local_exabgp_pipe="/run/exabgp/east.in",
        failover_local_exabgp_communities="65000:1, 65000:1:2",
    )
    assert settings.announcers == {Site.LOCAL: "exabgp", Site.REMOTE: "gcp"}
    assert settings.exabgp_pipes[Site.LOCAL] == "/run/exabgp/east"
    assert settings.exabgp_communities == {Site.LOCAL: ("65000:1", "65000:1:2"), Site.REMOTE: ()}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"failover_local_exabgp_pipe": "run/exabgp"}, "FAILOVER_LOCAL_EXABGP_PIPE: write a path"),
        ({"failover_local_exabgp_next_hop": "me"}, "'me' is no IP address"),
        ({"failover_local_exabgp_next_hop": "192.0.2.1\nquit"}, "is no IP address"),
        ({"failover_local_exabgp_communities": "65000:70000"}, "'65000:70000' is no community"),
        ({"failover_local_exabgp_communities": "no-export"}, "'no-export' is no community"),
        (
            {"failover_local_announcer": "exabgp", "failover_remote_announcer": "exabgp"},
            "one ExaBGP cannot announce for both sites",
        ),
        ({"description_substring": "  "}, "DESCRIPTION_SUBSTRING: "),
        ({"primary_prefix": "0.0.0.0/0"}, "PRIMARY_PREFIX: "),
        ({"primary_prefix": "east"}, "write one like 203.0.113.0/24"),
        ({"secondary_prefix": "2001:db8::1/32"}, "write 2001:db8::/32"),
        ({"cloudflare_secondary_priority": 500_000}, "CLOUDFLARE_SECONDARY_PRIORITY: "),
        ({"cloudflare_primary_priority": 200}, "equal ones share the traffic"),
        ({"secondary_internal_ip": "10.0.0.1"}, "SECONDARY_INTERNAL_IP: it is PRIMARY_INTERNAL_IP"),
        ({"failover_call_seconds": 10}, "CHECK_INTERVAL_SECONDS: a call that fails takes longer"),
        ({"circuit_breaker_timeout_seconds": 10}, "write 30 or more"),
        ({"failover_lease_seconds": 30}, "FAILOVER_LEASE_SECONDS: 30 is less than two cycles"),
        ({"failover_observer_seconds": 30}, "FAILOVER_OBSERVER_SECONDS: "),
        ({"cloudflare_api_token": None}, "or CLOUDFLARE_API_TOKEN_FILE"),
        ({"remote_bgp_router": "rt-east", "remote_bgp_region": "us-east1"}, "REMOTE_BGP_ROUTER: "),
        ({"google_application_credentials": "/nowhere/key.json"}, "there is no file /nowhere"),
        ({"failover_local_peers": None}, "FAILOVER_LOCAL_PEERS is not set"),
        ({"failover_local_peers": "192.0.2.9,192.0.2.2"}, "have peers in common"),
        ({"local_gcp_region": "us-east1-b"}, "LOCAL_GCP_REGION: us-east1-b is a zone: write us-"),
        ({"remote_bgp_region": "west"}, "write one like us-east1"),
        ({"remote_gcp_region": "us-east1"}, "REMOTE_GCP_REGION: it is LOCAL_GCP_REGION too"),
        ({"failover_quorum": 2}, "FAILOVER_QUORUM: 2 observers cannot agree"),
        (
            {
                "failover_quorum": 3,
                "failover_local_probes": "tcp://192.0.2.1:1,tcp://192.0.2.1:2",
                "failover_remote_probes": "tcp://192.0.2.2:1,tcp://192.0.2.2:2",
            },
            "FAILOVER_QUORUM: 3 observers cannot agree",
        ),
        ({"failover_local_probes": "ftp://x"}, "'ftp://x' cannot be probed"),
        ({"failover_local_probes": "http://ada:hunter2@x.test/"}, "without them (x.test)"),
        ({"failover_gcp_url": "http://127.0.0.1:9/x"}, "without a path"),
        ({"failover_practice_cron": "0 3 * * 2"}, "days of the week by their names, as in 0 3 "),
        ({"failover_practice_cron": "0 25 * * *"}, "FAILOVER_PRACTICE_CRON: '0 25 * * *' is no "),
        ({"failover_practice_timezone": "Mars/Olympus"}, "'Mars/Olympus' is no time zone: write "),
        ({"failover_practice_blocked": "Friday"}, "'Friday' is no time: write 2026-12-24, "),
        ({"failover_practice_mode": "half"}, "FAILOVER_PRACTICE_MODE: "),
        ({"failover_gcp_log_id": "a/b"}, "FAILOVER_GCP_LOG_ID: "),
        ({"failover_gcp_log_queue": 10}, "FAILOVER_GCP_LOG_QUEUE: "),
    ],
)
def test_a_fault_says_which_variable_and_what_to_write(
    changed: dict[str, Any], expected: str
) -> None:
    found = said(**changed)
    assert len(found) == 1, found
    assert expected in found[0]


def test_a_token_in_a_file_is_read_without_the_line_end(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    settings = configured(cloudflare_api_token=None, cloudflare_api_token_file=file)
    assert settings.cloudflare_token().get_secret_value() == "from-a-file"
    assert "from-a-file" not in repr(settings)
