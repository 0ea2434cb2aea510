"""Settings of the failover service that go together."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from services.failover.settings import FailoverSettings

VALUES: dict[str, Any] = {
    "database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none"),
    "gcp_project": "edge",
    "local_gcp_region": "us-east1",
    "remote_gcp_region": "us-west1",
    "local_bgp_region": "us-east1",
    "local_bgp_router": "rt-east",
    "remote_bgp_region": "us-west1",
    "remote_bgp_router": "rt-west",
    "primary_prefix": "203.0.113.0/24",
    "cloudflare_account_id": "abc123",
    "cloudflare_api_token": SecretStr("a-token"),
    "description_substring": "edge-",
    "primary_internal_ip": "10.0.0.1",
    "secondary_internal_ip": "10.0.1.1",
    "failover_local_peers": "192.0.2.1",
    "failover_remote_peers": "192.0.2.2",
}


def configured(**changed: Any) -> FailoverSettings:
    """Good settings, with some of them changed; None leaves a variable out."""
    values = {name: value for name, value in (VALUES | changed).items() if value is not None}
    return FailoverSettings(_env_file=None, **values)
