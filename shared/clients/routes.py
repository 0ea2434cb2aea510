"""Asks the query API through the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from shared import http
from shared.contracts.envelope import Envelope
from shared.contracts.inventory import PeerBody, RouterBody
from shared.contracts.problem import MEDIA_TYPE, Problem
from shared.contracts.routes import RouteBody
from shared.contracts.stats import StatsBody
from shared.errors import UserError

Parameters = Sequence[tuple[str, str]]
Body = TypeVar("Body", bound=BaseModel)
Data = TypeVar("Data")

_PAGE = 1000


class RoutesClient:
    """Routes, peers and routers; each failure is a UserError that says what to do about it."""

    def __init__(self, gateway: httpx.AsyncClient) -> None:
        self._gateway = gateway

    async def routes(self, parameters: Parameters, limit: int) -> Envelope[list[RouteBody]]:
        """Up to `limit` routes, however many pages that takes."""
        return await self._list("/api/v1/routes", parameters, limit, RouteBody)

    async def peers(self, parameters: Parameters, limit: int) -> Envelope[list[PeerBody]]:
        """Up to `limit` peers."""
        return await self._list("/api/v1/peers", parameters, limit, PeerBody)

    async def routers(self, parameters: Parameters, limit: int) -> Envelope[list[RouterBody]]:
        """Up to `limit` routers."""
        return await self._list("/api/v1/routers", parameters, limit, RouterBody)

    async def stats(self) -> Envelope[StatsBody]:
        """How far what routers say has come on its way to an answer."""
        return await self._read("/api/v1/stats", (), StatsBody)

    async def raw(self, path: str, parameters: Parameters) -> AsyncGenerator[bytes]:
        """The answer as it is, while it comes."""
        async with self._answer(path, parameters) as answer:
            async for chunk in answer.aiter_bytes():
                yield chunk

    async def _list(
        self, path: str, parameters: Parameters, limit: int, kind: type[Body]
    ) -> Envelope[list[Body]]:
        whole: Envelope[list[Body]] | None = None
        while whole is None or (len(whole.data) < limit and whole.meta.next_cursor):
            missing = limit if whole is None else limit - len(whole.data)
            asked = [*parameters, ("limit", str(min(missing, _PAGE)))]
            if whole is not None:
                asked.append(("cursor", whole.meta.next_cursor or ""))
            page: Envelope[list[Body]] = await self._read(path, asked, list[kind])  # type: ignore[valid-type]  # pydantic makes the class
            if whole is not None:
                page.data = whole.data + page.data
                page.meta.warnings = list(dict.fromkeys(whole.meta.warnings + page.meta.warnings))
            whole = page
        return whole

    async def _read(self, path: str, parameters: Parameters, kind: type[Data]) -> Envelope[Data]:
        async with self._answer(path, parameters) as answer:
            try:
                return Envelope[kind].model_validate_json(await answer.aread())  # type: ignore[valid-type]  # pydantic makes the class
            except ValidationError as error:
                fault = error.errors()[0]
                where = ".".join(map(str, fault["loc"]))
                raise UserError(
                    f"{answer.url} does not answer as this version of bgpilot expects "
                    f"({where}: {fault['msg']}): use the one that the server has"
                ) from None

    @asynccontextmanager
    async def _answer(self, path: str, parameters: Parameters) -> AsyncIterator[httpx.Response]:
        base = str(self._gateway.base_url).rstrip("/")
        try:
            async with self._gateway.stream("GET", path, params=tuple(parameters)) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    raise UserError(_refusal(answer))
                yield answer
        except httpx.ConnectError:
            raise UserError(
                f"no gateway answers at {base}: start one with `bgpilot up`, or say in BGPILOT_URL "
                "where it is"
            ) from None
        except httpx.TimeoutException:
            raise UserError(
                f"the gateway at {base} takes too long to answer: ask for less, or try again"
            ) from None
        except httpx.HTTPError as error:
            raise UserError(f"the answer of {base} broke off: {error}; try again") from None


def gateway_client(url: str) -> httpx.AsyncClient:
    """HTTP to the gateway at this URL; a stream may be silent for a minute."""
    return http.client(connect_timeout=5.0, read_timeout=60.0, base_url=url, max_connections=4)


def _refusal(answer: httpx.Response) -> str:
    """What a refused request is told, in one sentence."""
    url = str(answer.request.url.copy_with(query=None))
    if answer.headers.get("content-type") != MEDIA_TYPE:
        return f"{url} answers with status {answer.status_code}: is that a gateway of bgpilot?"
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        return f"{url} answers with status {answer.status_code}, and does not say why"
    better = [one.suggestion for one in problem.errors if one.suggestion]
    hint = f" (try {', '.join(better)})" if better and better[0] not in problem.detail else ""
    return problem.detail + hint
