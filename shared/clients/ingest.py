"""Asks the ingest services about themselves."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError

from shared.contracts.envelope import Envelope
from shared.contracts.stats import IngestPart, IngestStats
from shared.http import client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CONNECT_SECONDS = 0.5
_READ_SECONDS = 2.0


class IngestServices:
    """Every ingest service that the settings name."""

    def __init__(self, http: httpx.AsyncClient, urls: list[str]) -> None:
        self._http = http
        self._urls = [httpx.URL(url) for url in urls]

    async def parts(self) -> list[IngestPart]:
        """The figures of each, or why there are none; it takes at most some seconds."""
        return list(await asyncio.gather(*map(self._part, self._urls)))

    async def _part(self, url: httpx.URL) -> IngestPart:
        stats: IngestStats | None = None
        fault: str | None = None
        try:
            answer = await self._http.get(url.copy_with(path="/api/v1/ingest/stats"))
            answer.raise_for_status()
            stats = Envelope[IngestStats].model_validate_json(answer.content).data
        except (httpx.HTTPError, ValidationError) as error:
            # Of many lines the first says what it is about; some errors have none.
            fault = (str(error) or type(error).__name__).splitlines()[0]
        return IngestPart(address=url.netloc.decode(), stats=stats, error=fault)


@asynccontextmanager
async def ingest_services(
    urls: list[str], transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[IngestServices]:
    """The services at these URLs, with connections that are closed in the end."""
    async with client(
        connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, transport=transport
    ) as http:
        yield IngestServices(http, urls)
