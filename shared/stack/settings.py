"""Settings of `bgpilot up`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, SecretStr

from shared.settings import LogSettings

ListenerName = Literal["ingest_bmp", "ingest_http", "routes_http", "failover_http", "gateway_http"]
_LISTENERS: tuple[ListenerName, ...] = ("ingest_bmp", "ingest_http", "routes_http", "gateway_http")
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - to replace


class Listener(NamedTuple):
    """A TCP address that a component listens on, and the settings that say so."""

    name: ListenerName
    host: str
    port: int

    @property
    def address(self) -> str:
        """`host:port` for connecting from this machine."""
        host = _EVERY_ADDRESS.get(self.host, self.host)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The same as an HTTP URL."""
        return f"http://{self.address}"

    @property
    def port_variable(self) -> str:
        """The variable that changes the port."""
        return f"{self.name}_port".upper()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a component listen there."""
        return {f"{self.name}_host".upper(): self.host, self.port_variable: str(self.port)}


class StackSettings(LogSettings):
    """Where everything listens and where its data is.

    The services have the same variables; the supervisor passes on what it has read.
    """

    bgpilot_home: Path = Path("~/.local/share/bgpilot")
    database_url: SecretStr | None = None
    """None means the embedded PostgreSQL."""
    ingest_bmp_host: str = "127.0.0.1"
    ingest_bmp_port: int = Field(default=11019, ge=1, le=65535)
    ingest_http_host: str = "127.0.0.1"
    ingest_http_port: int = Field(default=8081, ge=1, le=65535)
    routes_http_host: str = "127.0.0.1"
    routes_http_port: int = Field(default=8082, ge=1, le=65535)
    failover_http_host: str = "127.0.0.1"
    failover_http_port: int = Field(default=8083, ge=1, le=65535)
    primary_prefix: str | None = None
    """What moves between two sites; None: nothing does, and there is no failover service."""
    gateway_http_host: str = "127.0.0.1"
    gateway_http_port: int = Field(default=8080, ge=1, le=65535)

    @property
    def has_failover(self) -> bool:
        """Whether there are two sites to move traffic between."""
        return self.primary_prefix is not None

    @property
    def home(self) -> Path:
        """BGPILOT_HOME as an absolute path."""
        return self.bgpilot_home.expanduser().absolute()

    def listener(self, name: ListenerName) -> Listener:
        """Where this part of a component listens."""
        return Listener(name, getattr(self, f"{name}_host"), getattr(self, f"{name}_port"))

    def listeners(self) -> list[Listener]:
        """Every TCP address that is going to be used."""
        names: tuple[ListenerName, ...] = _LISTENERS
        if self.has_failover:
            names = (*names, "failover_http")
        return [self.listener(name) for name in names]
