"""The docs page in a real browser that can reach nothing but loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter, FastAPI

from gateway.app import create_app
from shared.web.app import create_service
from tests.gateway.harness.serving import gateway, serving, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.timeout(180),
]


@contextlib.asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


def service() -> FastAPI:
    api = APIRouter()

    @api.get("/api/v1/routes", summary="Routes by prefix")
    async def routes(prefix: str) -> dict[str, str]:
        return {"prefix": prefix}

    return create_service(
        "routes", description="About routes.", lifespan=nothing, endpoints=[api], checks={}
    )


async def browse(url: str, profile: Path) -> tuple[str, str]:
    """The page as it stands when its scripts are through, and what the console says."""
    assert CHROMIUM is not None
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        f"--user-data-dir={profile}",
        # Nothing but loopback has an address.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *options, url, stdout=PIPE, stderr=PIPE, env=os.environ | {"HOME": str(profile)}
    )
    try:
        out, err = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 0, err.decode()
    console = [line for line in err.decode().splitlines() if "CONSOLE" in line]
    return out.decode(), "\n".join(console)


async def test_it_shows_the_operations_and_breaks_no_rule_of_its_policy(tmp_path: Path) -> None:
    async with (
        serving(service()) as routes,
        gateway(gateway_routes_url=f"http://127.0.0.1:{routes}") as port,
    ):
        page, console = await browse(f"http://127.0.0.1:{port}/docs", tmp_path)
    assert "Routes by prefix" in page
    assert 'data-path="/api/v1/routes"' in page
    assert "About routes." in page
    assert "Content Security Policy" not in console
    assert "Failed to load" not in console
    assert "Error" not in console


async def test_it_works_behind_a_proxy_that_takes_off_a_path_prefix(tmp_path: Path) -> None:
    async with serving(service()) as routes:
        app = create_app(settings(gateway_routes_url=f"http://127.0.0.1:{routes}"))

        async def behind_prefix(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                assert scope["path"].startswith("/edge/"), scope["path"]
                scope["path"] = scope["path"].removeprefix("/edge")
                scope["raw_path"] = scope["raw_path"].removeprefix(b"/edge")
            await app(scope, receive, send)

        async with serving(behind_prefix) as port:
            page, _ = await browse(f"http://127.0.0.1:{port}/edge/docs", tmp_path)
    assert "Routes by prefix" in page
