"""One way to call a provider over HTTP: a token, a timeout, a guard (`guard.py`) around it.

What a failed call means is in its `Fault`, and what follows from that is in two functions there:
`verdict` for the breaker and `wait` for the retry. A write is repeated only where the provider
cannot have had it, or has refused it; else its outcome is not known, and somebody has to look.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

import httpx
import orjson

from services.failover.acting.exchanges import Exchange, may_write
from services.failover.providers.faults import (
    CallError,
    CallUnknownError,
    Fault,
    Refusal,
    TokenError,
)
from services.failover.providers.guard import Guard, Limits
from shared.breaker import REGISTRY
from shared.version import version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.failover.acting.exchanges import Call
    from shared.breaker import Registry


_NUL = b"\\u0000"


class Provider(Protocol):
    """What differs between providers."""

    @property
    def name(self) -> str:
        """In sentences: `GCP`."""
        ...

    async def token(self) -> str:
        """A bearer token that is good now. Raises TokenError."""
        ...

    async def renewed(self, refused: str) -> str:
        """Another one after this was refused; the same where there is no other."""
        ...

    def refusal(self, status: int, headers: Mapping[str, str], answer: object) -> Refusal | None:
        """Why this answer (JSON, or text where it is none) is a no; None where it is a yes.

        It is asked of every answer, once.
        """
        ...

    def ids(self, headers: Mapping[str, str], answer: object) -> dict[str, str]:
        """By which the provider knows the request."""
        ...


class Caller:
    """Calls one provider in one region, with a breaker for reads and one for writes.

    The client is shared between callers, and closed by whom it belongs to.
    """

    def __init__(
        self,
        provider: Provider,
        client: httpx.AsyncClient,
        *,
        region: str = "",
        limits: Limits | None = None,
        registry: Registry | None = REGISTRY,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.provider = provider
        self.region = region
        self.limits = limits or Limits()
        self._client = client
        self._now = now
        self._clock = clock
        self.guard = Guard(
            provider.name, region=region, limits=self.limits, registry=registry, clock=clock
        )

    async def __call__(self, call: Call) -> object:
        """The answer, parsed. Raises CallError; CallUnknownError where a write may have happened.

        A breaker that a person has forced, or that is open, refuses it as a CallError.
        """
        return await self.guard(call, self._send)

    async def _send(self, call: Call) -> object:
        try:
            token = await self.provider.token()
            exchanged = await self._exchange(call, token)
            if exchanged.fault is Fault.UNAUTHENTICATED:
                fresh = await self.provider.renewed(token)
                if fresh != token:
                    exchanged = await self._exchange(call, fresh)
        except TokenError as error:
            raise CallError(self.provider.name, call.what, Fault.NO_TOKEN, str(error)) from None
        if exchanged.error is not None:
            raise exchanged.error
        return exchanged.answer

    async def _exchange(self, call: Call, token: str) -> _Exchanged:
        at, started = self._now(), self._clock()
        exchanged = await self._sent(call, token)
        seconds = self._clock() - started
        exchange = Exchange(
            provider=self.provider.name,
            call=call,
            at=at,
            seconds=seconds,
            status=exchanged.status,
            ids=exchanged.ids,
            error=str(exchanged.error) if exchanged.error is not None else None,
            answer=exchanged.answer if call.writes else None,
            is_in_doubt=isinstance(exchanged.error, CallUnknownError),
        )
        self.guard.note(exchange, exchanged.fault)
        return exchanged

    async def _sent(self, call: Call, token: str) -> _Exchanged:
        headers = {
            "authorization": f"Bearer {token}",
            "accept": "application/json",
            "user-agent": f"bgpilot/{version()}",
        }
        content = None if call.body is None else orjson.dumps(call.body)
        if content is not None:
            headers["content-type"] = "application/json"
        try:
            async with asyncio.timeout(self.limits.call_seconds):
                if call.writes:
                    may_write()
                response = await self._client.request(
                    call.method,
                    call.url,
                    content=content,
                    headers=headers,
                    extensions={"trace": _last_check} if call.writes else None,
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            said = f"no connection could be made ({_named(error)})"
            return _Exchanged(error=self._error(call, Refusal(Fault.UNREACHABLE, said)))
        except (httpx.TimeoutException, TimeoutError):
            said = f"no answer came within {self.limits.call_seconds:g} s"
            return _Exchanged(error=self._error(call, Refusal(Fault.NO_ANSWER, said)))
        except httpx.HTTPError as error:
            said = f"the connection broke before the answer ({_named(error)})"
            return _Exchanged(error=self._error(call, Refusal(Fault.NO_ANSWER, said)))
        return self._understood(call, token, response)

    def _understood(self, call: Call, token: str, response: httpx.Response) -> _Exchanged:
        answer, is_json = _parsed(response)
        ids = self.provider.ids(response.headers, answer)
        refusal = self.provider.refusal(response.status_code, response.headers, answer)
        if refusal is None and not is_json:
            refusal = Refusal(Fault.NONSENSE, "the answer is no JSON")
        if refusal is None:
            return _Exchanged(answer=answer, status=response.status_code, ids=ids)
        error = self._error(
            call,
            # A provider that repeats our request in its complaint does not make us repeat it.
            Refusal(refusal.fault, refusal.said.replace(token, "***"), refusal.wait),
            status=response.status_code,
            retry_after=_retry_after(response.headers.get("retry-after"), self._now()),
        )
        return _Exchanged(error=error, status=response.status_code, ids=ids)

    def _error(
        self,
        call: Call,
        refusal: Refusal,
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> CallError:
        waits = [seconds for seconds in (refusal.wait, retry_after) if seconds is not None]
        kind = CallUnknownError if call.writes and refusal.fault.leaves_doubt else CallError
        return kind(
            self.provider.name,
            call.what,
            refusal.fault,
            refusal.said,
            status=status,
            wait=max(waits, default=None),
        )


@dataclass(frozen=True, slots=True)
class _Exchanged:
    answer: object = None
    status: int | None = None
    ids: dict[str, str] = field(default_factory=dict)
    error: CallError | None = None

    @property
    def fault(self) -> Fault | None:
        return self.error.fault if self.error is not None else None


async def _last_check(event: str, _: object) -> None:
    """Of httpcore, which tells of each stage: to connect may have taken long."""
    if event.endswith("send_request_headers.started"):
        may_write()


def _parsed(response: httpx.Response) -> tuple[object, bool]:
    """The body and whether it is JSON; no body at all is an empty object."""
    if not response.content:
        return {}, True
    try:
        # No text of a database can have it in it, and no provider has a reason to.
        if _NUL in response.content:
            return "there is a NUL character in it", False
        return orjson.loads(response.content), True
    except orjson.JSONDecodeError:
        return response.text.replace("\0", " "), False


def _retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds (RFC 9110, section 10.2.3: a number, or a date); None: nothing usable is said."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


def _named(error: Exception) -> str:
    return str(error) or type(error).__name__
