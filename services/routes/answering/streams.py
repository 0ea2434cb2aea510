"""Answers without an end that is known: NDJSON and CSV, sent as the database finds them.

Nothing is held but one piece. A client that reads slowly slows the database's cursor, and one
that goes away ends the query.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from fastapi import Query, Request
from starlette.responses import Response

from services.routes import metrics
from shared.contracts.envelope import rfc3339

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import datetime

    from starlette.types import Receive, Scope, Send

Item = TypeVar("Item")

Format = Literal["json", "ndjson", "csv"]

MEDIA_TYPES: Mapping[str, Format] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "text/csv": "csv",
}
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
        }
    }
}
"""What OpenAPI says of an endpoint that answers in all formats."""


async def answer_format(
    request: Request,
    named: Annotated[
        Format | None,
        Query(alias="format", description="Default: what `Accept` names first, or JSON"),
    ] = None,
) -> Format:
    """The format that a request wants (FastAPI dependency)."""
    if named is not None:
        return named
    for item in request.headers.get("accept", "").split(","):
        media_type = item.partition(";")[0].strip().lower()
        if media_type in MEDIA_TYPES:
            return MEDIA_TYPES[media_type]
    return "json"


async def streamed(
    pieces: AsyncGenerator[tuple[int, bytes], None],
    form: Format,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Sends these pieces, each with the number of items in it.

    The first is awaited here, so that what goes wrong at the start is still told as a problem.
    """
    try:
        first = await anext(pieces)
    except StopAsyncIteration:
        first = (0, b"")
    return _Streamed(first, pieces, form, headers)


async def ahead(pieces: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """The same pieces: while one is worked on, the database looks for the next."""
    async with aclosing(pieces):
        following = asyncio.create_task(_next(pieces))
        try:
            while (piece := await following) is not None:
                following = asyncio.create_task(_next(pieces))
                await asyncio.sleep(0)  # so that it is asked for before this one is worked on
                yield piece
        finally:
            following.cancel()
            await asyncio.wait((following,))


async def _next(pieces: AsyncGenerator[Item, None]) -> Item | None:
    try:
        return await anext(pieces)
    except StopAsyncIteration:
        return None


def stream_headers(as_of: datetime | None, warnings: Sequence[str]) -> dict[str, str]:
    """What a page says in `meta`; of a router's name only what a header may hold."""
    headers = {"Data-As-Of": rfc3339(as_of)} if as_of is not None else {}
    if warnings:
        text = "; ".join(warnings).encode("ascii", "backslashreplace").decode()
        headers["Data-Warnings"] = "".join(one if one.isprintable() else "?" for one in text)
    return headers


class _Streamed(Response):
    def __init__(
        self,
        first: tuple[int, bytes],
        pieces: AsyncGenerator[tuple[int, bytes], None],
        form: Format,
        headers: Mapping[str, str] | None,
    ) -> None:
        media_type = next(name for name, each in MEDIA_TYPES.items() if each == form)
        super().__init__(media_type=media_type, headers={"Cache-Control": "no-store"})
        self.headers.update(headers or {})
        self.headers.add_vary_header("Accept")
        del self.headers["content-length"]
        self._first = first
        self._pieces = pieces
        self._sent = metrics.STREAMED.labels(form)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                metrics.STREAMS_LEFT.inc()
        finally:
            # Whatever is still under way ends here, the query with it.
            sending.cancel()
            leaving.cancel()
            await asyncio.wait((sending, leaving))
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        async with aclosing(self._pieces) as pieces:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._send_piece(send, *self._first)
            async for items, piece in pieces:
                await self._send_piece(send, items, piece)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_piece(self, send: Send, items: int, piece: bytes) -> None:
        self._sent.inc(items)
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
