"""The calls that we make to Cloudflare's API: static routes of Magic Transit, and the token.

Nothing here deletes: an empty id would make "delete one route" into "delete all of them".
https://developers.cloudflare.com/api/resources/magic_transit/subresources/routes/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from services.failover.acting.actuator import ActionError, Request
from services.failover.acting.exchanges import Call, recording
from services.failover.providers.calling import Caller
from services.failover.providers.cloudflare.budget import Budget, Purpose
from services.failover.providers.cloudflare.provider import Cloudflare
from services.failover.providers.cloudflare.routes import parse_list
from services.failover.providers.faults import CallError, Fault
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from pydantic import SecretStr

    from services.failover.providers.cloudflare.routes import Route, Row
    from services.failover.providers.guard import Limits
    from shared.breaker import Registry

ORIGIN = "https://api.cloudflare.com"


@dataclass(frozen=True, slots=True)
class Token:
    """What Cloudflare says of our token; not what it may do."""

    owner: Literal["account", "user"]
    status: str
    """`active`, `disabled` or `expired`."""
    expires_on: datetime | None
    """None: never."""


class CloudflareClient:
    """All calls of one account. Each raises CallError, or ActionError where it makes no sense."""

    def __init__(self, account_id: str, call: Caller, budget: Budget, origin: str) -> None:
        if not re.fullmatch(r"\w+", account_id, re.ASCII):
            raise ConfigurationError("CLOUDFLARE_ACCOUNT_ID is letters and digits, and not empty")
        self._call = call
        self._budget = budget
        self._base_url = f"{origin.rstrip('/')}/client/v4"
        self._account_url = f"{self._base_url}/accounts/{account_id}"
        self._routes_url = f"{self._account_url}/magic/routes"

    async def routes(self, purpose: Purpose = Purpose.WATCH) -> list[Route]:
        """All static routes of the account; the list has no pages."""
        call = Call("list of routes", "GET", self._routes_url)
        return parse_list(await self._result(call, purpose))

    def replacing(self, rows: list[Row]) -> Request:
        """The bulk update of these rows, as it goes out."""
        if not rows or not all(row.get("id") for row in rows):
            raise ValueError("a bulk update needs rows, and each row an id")
        return Request("PUT", self._routes_url, {"routes": rows})

    async def replace(self, rows: list[Row]) -> None:
        """Writes whole rows in one request. That it says yes is no proof: read them again."""
        request = self.replacing(rows)
        call = Call(
            f"bulk update of {len(rows)} routes", "PUT", request.url, request.body, writes=True
        )
        await self._result(call, Purpose.ACT)

    def validating(self, rows: list[Row]) -> Request:
        """The same request, which Cloudflare checks, permissions included, and does not do."""
        request = self.replacing(rows)
        return Request("PUT", f"{request.url}?validate_only=true", request.body)

    async def validate(self, rows: list[Row], purpose: Purpose = Purpose.WATCH) -> object:
        """Has it checked, and gives what Cloudflare says."""
        request = self.validating(rows)
        call = Call("validation of a bulk update", "PUT", request.url, request.body)
        return await self._result(call, purpose)

    async def token(self) -> Token:
        """An account's own token is known to its account, a user's to the user."""
        try:
            return await self._token("account", f"{self._account_url}/tokens/verify")
        except CallError as error:
            if error.fault not in (Fault.REFUSED, Fault.UNAUTHENTICATED):
                raise
        return await self._token("user", f"{self._base_url}/user/tokens/verify")

    async def _token(self, owner: Literal["account", "user"], url: str) -> Token:
        found = await self._result(Call(f"check of the {owner}'s token", "GET", url), Purpose.WATCH)
        match found:
            case {"status": str(status), "expires_on": expires_on}:
                return Token(owner, status, _moment(expires_on))
            case {"status": str(status)}:
                return Token(owner, status, None)
            case _:
                raise ActionError(f"Cloudflare says nothing of the token: {found!r:.200}")

    async def _result(self, call: Call, purpose: Purpose) -> object:
        self._budget.check(purpose, call.what)
        with recording(lambda _: self._budget.spend()):
            answer = await self._call(call)
        return answer.get("result") if isinstance(answer, dict) else None


def _moment(text: object) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise ActionError(f"Cloudflare's date cannot be read: {text!r:.50}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def connect(
    account_id: str,
    token: Callable[[], SecretStr],
    *,
    http: httpx.AsyncClient,
    clock: Callable[[], float],
    now: Callable[[], datetime],
    registry: Registry | None,
    limits: Limits | None = None,
    origin: str = ORIGIN,
) -> CloudflareClient:
    """A client of an account; `http` stays its owner's, and may serve other providers as well.

    `token` is called again when the token is refused. `clock` is monotonic, in seconds, and `now`
    the time of day.
    """
    budget = Budget(clock)
    call = Caller(
        Cloudflare(token, budget), http, limits=limits, registry=registry, now=now, clock=clock
    )
    return CloudflareClient(account_id, call, budget, origin)
