"""How GCP says no.

Its rate limit is a 403 and not a 429, and a router that is being changed is a 400: the status
alone does not tell what is to be done.
https://cloud.google.com/compute/docs/api-rate-limits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.failover.providers.faults import Fault, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.failover.providers.gcp.auth import Tokens

RATE_LIMIT_SECONDS = 30.0
"""Quotas are filled again each minute, so half of one is the least that helps on average."""

_RATE_LIMITS = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"}


class Gcp:
    """GCP for a `Caller`."""

    name = "GCP"

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def token(self) -> str:
        """See `Provider`."""
        return await self._tokens.get()

    async def renewed(self, refused: str) -> str:
        """See `Provider`."""
        return await self._tokens.renewed(refused)

    def refusal(
        self,
        status: int,
        headers: Mapping[str, str],  # noqa: ARG002 - Provider's; GCP says it all in the body
        answer: object,
    ) -> Refusal | None:
        """See `Provider`."""
        if 200 <= status < 300:
            return None
        reasons, message = _complaint(answer)
        said = message or "it does not say why"
        if reasons:
            said += f" ({', '.join(reasons)})"
        return _refusal(status, set(reasons), said)

    def ids(self, headers: Mapping[str, str], answer: object) -> dict[str, str]:
        """See `Provider`: the operation, where the answer is one."""
        found = {}
        if isinstance(answer, dict) and answer.get("kind") == "compute#operation":
            for key, name in (("operation", "name"), ("request", "clientOperationId")):
                if isinstance(answer.get(name), str):
                    found[key] = answer[name]
        if trace := headers.get("x-cloud-trace-context"):
            found["trace"] = trace
        return found


def _refusal(status: int, reasons: set[str], said: str) -> Refusal:
    over_rate = status == 403 and bool(reasons & _RATE_LIMITS or _is_quota_per_minute(said))
    too_many = status == 403 and "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED" in reasons
    table = (
        (status == 401, Fault.UNAUTHENTICATED),
        (status == 429 or over_rate or too_many, Fault.BUSY),
        (_is_conflict(status, reasons, said), Fault.CONFLICT),
        (status == 408 or status >= 500, Fault.TRANSIENT),
        (status >= 400, Fault.REFUSED),
        (True, Fault.NONSENSE),
    )
    fault = next(fault for holds, fault in table if holds)
    return Refusal(fault, said, RATE_LIMIT_SECONDS if over_rate else None)


def _is_conflict(status: int, reasons: set[str], said: str) -> bool:
    """Whether another change of the same thing stands in the way."""
    return (
        (status == 400 and "resourceNotReady" in said)
        or (status == 409 and "operationInProgress" in reasons)
        or status == 412
    )


def _is_quota_per_minute(said: str) -> bool:
    return "quota exceeded" in said.lower() and "per minute" in said.lower()


def _complaint(answer: object) -> tuple[list[str], str]:
    """The reasons and the message of an error's body (https://google.aip.dev/193)."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return [], answer[:200] if isinstance(answer, str) else ""
    entries = [*_objects(error.get("errors")), *_objects(error.get("details"))]
    reasons = [str(entry["reason"]) for entry in entries if "reason" in entry]
    return list(dict.fromkeys(reasons)), str(error.get("message", ""))


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
