"""Modules as programs, and when they are ready."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import httpx

from shared.http import client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PROBE_SECONDS = 5.0


def module(name: str) -> tuple[str, ...]:
    """The arguments that run a module; not one of that name in the current directory (-P)."""
    return (sys.executable, "-P", "-m", name)


def http_ready(url: str) -> Callable[[], Awaitable[bool]]:
    """Ready when the URL answers 200."""

    async def probe() -> bool:
        async with client(connect_timeout=1.0, read_timeout=PROBE_SECONDS) as http:
            try:
                return (await http.get(url)).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

    return probe
