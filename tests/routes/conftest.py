"""The query service in the test's own event loop, over a store that ingest has filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr

from services.routes.app import create_app
from services.routes.settings import RoutesSettings
from tests.ingest.conftest import ingest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

__all__ = ["Api", "api", "ingest"]


class Api:
    """Asks the query service."""

    def __init__(self, client: httpx.AsyncClient, app: FastAPI) -> None:
        self.client = client
        self.app = app

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The body of an answer that must be good."""
        answer = await self.client.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def refused(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The problem of an answer that must be bad."""
        answer = await self.client.get(f"/api/v1{path}", params=parameters)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def prefixes(self, **parameters: Any) -> list[str]:
        """The prefixes of the routes that are found."""
        return [route["prefix"] for route in (await self.get("/routes", **parameters))["data"]]


@pytest.fixture
async def api(migrated_url: str) -> AsyncIterator[Api]:
    app = create_app(RoutesSettings(database_url=SecretStr(migrated_url)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://routes") as client,
    ):
        yield Api(client, app)
