"""What every refusal and failure over HTTP is answered with."""

from __future__ import annotations

from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"


class ParameterFault(BaseModel):
    """What is wrong with one parameter, and a value that would do where there is one."""

    parameter: str
    detail: str
    suggestion: str | None = None


class Problem(BaseModel):
    """RFC 9457 problem details, with the request id and the parameters at fault."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str | None = None
    errors: list[ParameterFault] = Field(default_factory=list)
