"""What is said of a page of an answer, and the link to the next."""

# Annotations stay objects here: FastAPI reads them when the app is made.
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response

from shared.contracts.envelope import Meta

Limit = Annotated[int, Query(ge=1, le=1000, description="Items of one page")]
Cursor = Annotated[str | None, Query(description="`meta.next_cursor` of the page before")]


def page_meta(
    started: float,
    count: int,
    query: dict[str, Any],
    as_of: datetime | None,
    next_cursor: str | None = None,
) -> Meta:
    """`query` is told as it took effect; `started` is of `time.perf_counter()`."""
    return Meta(
        query={name: value for name, value in query.items() if value not in (None, [])},
        count=count,
        next_cursor=next_cursor,
        truncated=next_cursor is not None,
        data_as_of=as_of,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
    )


def link_next(request: Request, response: Response, meta: Meta) -> None:
    """RFC 8288: the next page, relative, so that it holds under any prefix of the gateway."""
    if meta.next_cursor is not None:
        query = request.url.include_query_params(cursor=meta.next_cursor).query
        response.headers["Link"] = f'<?{query}>; rel="next"'


def json_answer(request: Request, data: Sequence[str] | str, meta: Meta) -> Response:
    """An envelope around rendered JSON: a list of texts, or one text that is all of it."""
    rendered = data if isinstance(data, str) else f"[{','.join(data)}]"
    body = f'{{"data":{rendered},"meta":{meta.model_dump_json()}}}'
    response = Response(body, media_type="application/json")
    link_next(request, response, meta)
    return response
