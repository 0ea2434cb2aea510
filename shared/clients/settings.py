"""Settings of the commands that ask the gateway."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Settings


class ClientSettings(Settings):
    """Where the gateway is."""

    bgpilot_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://\S+$")
    """Its public address, with the path that a proxy in front of it may have put before."""
