"""A route that reads only the parameters that a request has."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query

from shared.web import problem
from shared.web.lean import LeanRoute
from shared.web.strict import known_parameters_only

QUESTIONS = (
    "",
    "?word=b",
    "?word=c",
    "?number=7",
    "?number=seven",
    "?number=1&number=2",
    "?several=1&several=2",
    "?several=",
    "?made=x",
    "?must=1&made=1&made=2&word=b",
    "?Word=b",
    "?wrod=b",
    "?other-name=5",
    "?other_name=5",
    "?must=1&number=0&several=a",
)


async def _below(
    *,
    word: Literal["a", "b"] = "a",
    several: Annotated[list[str] | None, Query()] = None,
    renamed: Annotated[int, Query(alias="other-name")] = 1,
) -> dict[str, Any]:
    return {"word": word, "several": several, "renamed": renamed}


def _app(route_class: type[Any]) -> FastAPI:
    api = APIRouter(
        prefix="/v1", dependencies=[Depends(known_parameters_only)], route_class=route_class
    )

    @api.get("/things/{thing}")
    async def things(
        thing: int,
        *,
        below: Annotated[dict[str, Any], Depends(_below)],
        made: Annotated[list[str], Query(default_factory=lambda: ["made"])],
        number: Annotated[int, Query(ge=1)] = 3,
        old: int = Query(default=4),
    ) -> dict[str, Any]:
        return below | {"thing": thing, "made": made, "number": number, "old": old}

    @api.get("/needed")
    async def needed(must: int, number: Annotated[int, Query(ge=1)] = 3) -> list[int]:
        return [must, number]

    app = FastAPI()
    problem.install(app)
    app.include_router(api)
    return app


async def _answers(app: FastAPI, question: str) -> list[tuple[int, Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        paths = ("/v1/things/5", "/v1/things/five", "/v1/needed")
        found = [await client.get(path + question) for path in paths]
    return [(one.status_code, one.json()) for one in found]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_lean_route_answers_and_refuses_like_any_other(question: str) -> None:
    lean, other = _app(LeanRoute), _app(APIRouter().route_class)
    assert await _answers(lean, question) == await _answers(other, question)


def test_a_lean_route_is_described_like_any_other() -> None:
    assert _app(LeanRoute).openapi() == _app(APIRouter().route_class).openapi()
