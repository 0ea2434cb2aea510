"""Bodies of plans in the failover API: what was done step by step, or would be."""

from __future__ import annotations

from typing import Any

from shared.contracts.envelope import Timestamp
from shared.contracts.failover_words import Body, SiteName


class RequestBody(Body):
    """A request as it goes out, without credentials."""

    method: str
    url: str
    body: Any


class ExchangeBody(Body):
    """A request that was sent, and what came back."""

    provider: str
    what: str
    method: str
    url: str
    body: Any = None
    at: Timestamp
    seconds: float
    status: int | None
    ids: dict[str, str]
    """By which the provider knows the request."""
    error: str | None
    answer: Any = None
    """To what changes something; secrets are left out."""


class StepBody(Body):
    """A step of a plan."""

    kind: str
    site: SiteName
    is_undo: bool
    state: str
    diff: dict[str, Any]
    request_id: str | None
    requests: list[RequestBody]
    """What was to be sent, once more for each time that it was."""
    exchanges: list[ExchangeBody]
    """What went out for it, reads included, and what came back."""
    begun_at: Timestamp | None
    ended_at: Timestamp | None
    detail: str | None
    evidence: dict[str, Any]


class PlanBody(Body):
    """A plan with its timeline."""

    id: str
    target: SiteName
    reason: str
    state: str
    asked_by: str | None
    """Null: nobody asked for it."""
    aborted_by: str | None
    """Who wants it to be stopped; null: nobody."""
    begun_at: Timestamp
    ended_at: Timestamp | None
    detail: str | None
    alarm: str | None
    convergence_s: float | None
    """From the first request to the moment that BMP showed the move."""
    steps: list[StepBody]


class PreviewBody(Body):
    """A step that would be taken."""

    kind: str
    site: SiteName
    diff: dict[str, Any]
    requests: list[RequestBody]
    """What would be sent; none where it is so already, or where the step only looks."""
    asked: RequestBody | None = None
    """What the provider was asked in place of them: it checks, and does nothing."""
    said: Any = None
    """What it answered to that."""
    error: str | None = None
    """Why it would fail, or why that cannot be told."""
