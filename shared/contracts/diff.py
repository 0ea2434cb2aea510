"""Bodies of the comparison of two peers' tables."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from shared.contracts.routes import RouteBody

Difference = Literal["only_a", "only_b", "changed"]


class RouteDifference(BaseModel):
    """A prefix, or another NLRI, that two tables have differently."""

    prefix: str | None = Field(description="Null where the family's routes are no prefixes")
    nlri: dict[str, Any] | None = Field(description="The parts of the NLRI where it is no prefix")
    difference: Difference
    changed: list[str] = Field(
        description="The attributes that are not the same, where both have the route"
    )
    a: list[RouteBody] = Field(description="One route, or several where there is ADD-PATH")
    b: list[RouteBody]
