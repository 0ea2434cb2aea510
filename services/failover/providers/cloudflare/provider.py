"""What Cloudflare's answers mean: a token, an envelope, and refusals that come with status 200."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.failover.providers.faults import Fault, Refusal, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from services.failover.providers.cloudflare.budget import Budget

NOT_ONBOARDED = 1012
"""The account has no Magic Transit."""

_FAULTS = {401: Fault.UNAUTHENTICATED, 408: Fault.TRANSIENT, 409: Fault.CONFLICT, 429: Fault.BUSY}


class Cloudflare:
    """A `Provider` (services/failover/providers/calling.py)."""

    name = "Cloudflare"

    def __init__(self, token: Callable[[], SecretStr], budget: Budget) -> None:
        """`token` reads it anew each time: it may have been changed where it is kept."""
        self._read_token = token
        self._token: str | None = None
        self._budget = budget

    async def token(self) -> str:
        """The API token."""
        if self._token is None:
            self._token = await self._read()
        return self._token

    async def renewed(self, refused: str) -> str:  # noqa: ARG002 - a Provider's
        """The token that is there now."""
        self._token = await self._read()
        return self._token

    async def _read(self) -> str:
        try:
            secret = await asyncio.to_thread(self._read_token)
        except OSError as error:
            raise TokenError(f"the API token cannot be read: {error}") from None
        return secret.get_secret_value()

    def refusal(self, status: int, headers: Mapping[str, str], answer: object) -> Refusal | None:
        """None where status and envelope both say yes: `success` may be false with 200."""
        self._budget.heard(status, headers)
        said = complaint(answer)
        if status == 429:
            return Refusal(Fault.BUSY, said or "too many requests", self._budget.blocked_for)
        if status >= 400:
            usual = Fault.TRANSIENT if status >= 500 else Fault.REFUSED
            return Refusal(_FAULTS.get(status, usual), said or "no reason is given")
        match answer:
            case {"success": True} if status < 300:
                return None
            case {"success": False}:
                return Refusal(Fault.REFUSED, said or "no reason is given")
            case _:
                return Refusal(Fault.NONSENSE, "the answer does not say whether it succeeded")

    def ids(self, headers: Mapping[str, str], answer: object) -> dict[str, str]:  # noqa: ARG002 - a Provider's
        """The ray, by which Cloudflare's support finds the request."""
        ray = headers.get("cf-ray")
        return {"ray": ray} if ray else {}


def complaint(answer: object) -> str:
    """The envelope's errors: `1012: not onboarded (/routes/0/priority); ...`; empty: none."""
    match answer:
        case {"errors": list(errors)}:
            return "; ".join(_one(error) for error in errors)
        case _:
            return ""


def _one(error: object) -> str:
    match error:
        case {"code": code, "message": message, "source": {"pointer": str(pointer)}} if pointer:
            return f"{code}: {message} ({pointer})"
        case {"code": code, "message": message}:
            return f"{code}: {message}"
        case _:
            return repr(error)[:100]
