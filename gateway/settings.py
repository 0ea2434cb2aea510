"""Settings of the gateway."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import LogSettings

_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)


def _origin(url: str) -> str:
    url = url.strip().rstrip("/")
    if url and not _ORIGIN.fullmatch(url):
        raise ValueError("give http://HOST:PORT without a path, or nothing to disable it")
    return url


def _origins(listed: str) -> str:
    each = [origin.strip().rstrip("/").lower() for origin in listed.split(",") if origin.strip()]
    if any(origin != "*" and not _ORIGIN.fullmatch(origin) for origin in each):
        raise ValueError("give https://HOST:PORT without a path, several with commas, or * for any")
    return ",".join(each)


ServiceUrl = Annotated[str, AfterValidator(_origin)]


class GatewaySettings(LogSettings):
    """Where it listens, where the services are, and how long it waits for them."""

    # An empty URL says that a service is disabled, so empty variables have to be seen here.
    model_config = SettingsConfigDict(env_ignore_empty=False)

    gateway_http_host: str = "127.0.0.1"
    gateway_http_port: int = Field(default=8080, ge=0, le=65535)
    gateway_ingest_url: ServiceUrl = "http://127.0.0.1:8081"
    gateway_routes_url: ServiceUrl = "http://127.0.0.1:8082"
    gateway_failover_url: ServiceUrl = ""
    """Empty: nothing is moved. It runs where two sites are configured (docs/failover.md)."""
    gateway_operator_token: SecretStr = SecretStr("")
    """What a caller shows to change anything; empty means that nothing can be changed."""
    gateway_connect_seconds: float = Field(default=2.0, gt=0, le=60)
    gateway_answer_seconds: float = Field(default=30.0, gt=0, le=3600)
    """How long a service may be silent, before its answer and within it."""
    gateway_body_seconds: float = Field(default=30.0, gt=0, le=3600)
    """How long a client may be silent within its request body."""
    gateway_max_body_bytes: int = Field(default=1_000_000, ge=0)
    gateway_max_connections: int = Field(default=100, ge=1, le=10_000)
    """Connections to each service at one time."""
    gateway_max_streams: int = Field(default=2000, ge=1, le=20_000)
    """WebSockets and other answers without an end at one time; half of them from one address."""
    gateway_allowed_origins: Annotated[str, AfterValidator(_origins)] = ""
    """Sites besides our own whose pages may open WebSockets."""
    gateway_openapi_seconds: float = Field(default=60.0, ge=0)
    """How old a service's API description may grow before it is fetched again."""
    forwarded_allow_ips: str = ""
    """Proxies in front of the gateway whose `X-Forwarded-For` and `-Proto` are believed."""

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in values.items() if v != "" or k.endswith("_url")}

    def service_url(self, service: str) -> str:
        """The origin of a service, or an empty string where it is disabled."""
        url: str = getattr(self, f"gateway_{service}_url")
        return url
