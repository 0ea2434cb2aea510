"""What an app's OpenAPI description says of refusals: every one is a problem document.

FastAPI describes a body of its own for 422, which no app of bgpilot answers with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.contracts.problem import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

_COMPONENTS = "#/components/schemas/"
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
_MEANINGS = {
    "422": "A parameter cannot be used; `errors` names it, and a value that would do",
    "default": "Any other refusal: what cannot be found, too much at once, a part that is away",
}


def describe_problems(app: FastAPI) -> None:
    """Makes `app.openapi()` say so."""
    undescribed = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_problems(undescribed())
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign] # FastAPI's documented way to extend it


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template=_COMPONENTS + "{model}")
    schemas |= {**problem.pop("$defs", {}), "Problem": problem}
    content = {MEDIA_TYPE: {"schema": {"$ref": _COMPONENTS + "Problem"}}}
    for item in document.get("paths", {}).values():
        for operation in item.values():
            responses = operation["responses"]
            refusals = _MEANINGS if "422" in responses else {"default": _MEANINGS["default"]}
            for status, meaning in refusals.items():
                responses[status] = {"description": meaning, "content": content}
    return document
