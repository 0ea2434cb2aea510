"""A network on which answers are changed: another value, none, a list for one, or a field less."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import orjson

How = Literal["other", "gone", "listed", "null"]


@dataclass(frozen=True)
class Mangle:
    """What is done to one place of every answer."""

    where: int
    """Counts the places of an answer, from its first again after its last."""
    how: How
    other: Any = None

    def __call__(self, answer: Any) -> Any:
        changed = copy.deepcopy([answer])
        places = list(_places(changed))
        holder, key = places[self.where % len(places)]
        if self.how == "gone" and holder is not changed:
            del holder[key]
        else:
            values = {"other": self.other, "listed": [holder[key]], "null": None}
            holder[key] = values.get(self.how)
        return changed[0]


def _places(holder: Any) -> Any:
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    for key in keys:
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])


class Mangling(httpx.AsyncBaseTransport):
    """Changes what comes from `inner`."""

    def __init__(self, inner: httpx.AsyncBaseTransport, mangle: Mangle) -> None:
        self._inner = inner
        self._mangle = mangle

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        if "computeMetadata" in request.url.path:
            return answer
        content = await answer.aread()
        try:
            found = orjson.loads(content or b"{}")
        except orjson.JSONDecodeError:
            return answer
        mangled = orjson.dumps(self._mangle(found))
        return httpx.Response(answer.status_code, content=mangled)
