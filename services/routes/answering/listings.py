"""Lists of bodies that are few enough to be made one by one: a page, or all of them as a stream."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from services.routes.answering.pages import json_answer, page_meta
from services.routes.answering.reading import reading
from services.routes.answering.streams import streamed
from services.routes.answering.tables import csv_fields
from services.routes.store import freshness
from shared.web.problem import parameter_error

if TYPE_CHECKING:
    from fastapi import Request, Response
    from pydantic import BaseModel
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.answering.streams import Format

_AT_ONCE = 1_000
"""Items of a stream that are read together."""


@dataclass(slots=True)
class Page:
    """Some items in order, and where the next page begins."""

    items: Sequence[BaseModel]
    next_cursor: str | None = None
    warnings: list[str] = field(default_factory=list)


Read = Callable[["AsyncConnection", str | None, int], Awaitable[Page]]
"""Reads up to so many items after a cursor."""


async def answer_list(
    request: Request,
    form: Format,
    kind: type[BaseModel],
    read: Read,
    *,
    told: dict[str, Any],
    limit: int,
    cursor: str | None,
) -> Response:
    """A page of items of one kind, or all of them in another format; `told` is for `meta.query`."""
    if form != "json":
        if cursor is not None:
            raise parameter_error("cursor", f"{form} has no pages; leave it out")
        return await streamed(_pieces(request, form, kind, read), form)
    started = time.perf_counter()
    async with reading(request) as conn:
        page = await read(conn, cursor, limit)
        as_of = await freshness.data_as_of(conn)
    items = [item.model_dump_json() for item in page.items]
    meta = page_meta(started, len(items), told | {"limit": limit}, as_of, page.next_cursor)
    meta.warnings = page.warnings
    return json_answer(request, items, meta)


async def _pieces(
    request: Request, form: Format, kind: type[BaseModel], read: Read
) -> AsyncGenerator[tuple[int, bytes], None]:
    # With the first items, so that what cannot be found is said before the answer begins.
    head = f"{','.join(kind.model_fields)}\r\n" if form == "csv" else ""
    cursor = None
    async with reading(request) as conn:
        while True:
            page = await read(conn, cursor, _AT_ONCE)
            lines = map(_csv_line if form == "csv" else _json_line, page.items)
            yield len(page.items), (head + "".join(lines)).encode()
            head = ""
            if (cursor := page.next_cursor) is None:
                return


def _json_line(item: BaseModel) -> str:
    return f"{item.model_dump_json()}\n"


def _csv_line(item: BaseModel) -> str:
    values = item.model_dump(mode="json").values()
    return f"{csv_fields(map(_flat, values))}\r\n"


def _flat(value: object) -> object:
    """What has no place in one field becomes JSON."""
    is_nested = isinstance(value, list) and any(isinstance(one, dict | list) for one in value)
    return orjson.dumps(value).decode() if is_nested else value
