"""The exchanges with an ExaBGP that a failover is made of, guarded and recorded as any call is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.acting.actuator import Request
from services.failover.acting.exchanges import Call, Exchange
from services.failover.providers.exabgp import words
from services.failover.providers.exabgp.pipes import PipeError
from services.failover.providers.faults import CallError, CallUnknownError, Fault, Refusal
from services.failover.providers.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.failover.policy.model import Site
    from services.failover.providers.exabgp.pipes import Pipes
    from services.failover.providers.guard import Limits
    from shared.breaker import Registry

PROVIDER = "ExaBGP"
METHOD = "WRITE"
"""Stands where a request over HTTP has its method; the URL is the pipe."""


class ExaBgp:
    """The ExaBGP of one site. Every method raises CallError."""

    def __init__(
        self,
        pipes: Pipes,
        *,
        site: Site,
        limits: Limits,
        registry: Registry | None,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """`clock` is monotonic, in seconds, and `now` the time of day."""
        self.pipes = pipes
        self._limits = limits
        self._now = now
        self._clock = clock
        self._guard = Guard(
            PROVIDER, region=site.value, limits=limits, registry=registry, clock=clock
        )

    async def standing(self, prefix: words.Network) -> words.Standing:
        """Which sessions are up, and which of them the prefix is announced over."""
        summary, routes = await self._guard(self._call(words.ROUTES), self._send)
        return words.Standing(words.established(summary), words.holding(routes, prefix))

    async def sessions(self) -> tuple[str, ...]:
        """The peers whose sessions are up."""
        _, summary = await self._guard(self._call(words.SUMMARY), self._send)
        return words.established(summary)

    async def tell(self, command: str) -> None:
        """Has a command carried out. CallUnknownError where it may have been, and nobody said."""
        await self._guard(self._call(command, writes=True), self._send)

    def writing(self, command: str) -> Request:
        """A command as it goes out."""
        return Request(METHOD, self.pipes.commands, command)

    def _call(self, command: str, *, writes: bool = False) -> Call:
        return Call(f"`{command}`", METHOD, self.pipes.commands, command, writes=writes)

    async def _send(self, call: Call) -> tuple[list[str], list[str]]:
        at, started = self._now(), self._clock()
        summary: list[str] = []
        answer: list[str] = []
        failed: CallError | None = None
        try:
            command = str(call.body)
            summary, answer = await self.pipes.ask(command, seconds=self._limits.call_seconds)
            failed = _complaint(call, answer[-1])
        except PipeError as error:
            failed = _error(call, error.refusal)
        exchange = Exchange(
            provider=PROVIDER,
            call=call,
            at=at,
            seconds=self._clock() - started,
            status=None,
            error=str(failed) if failed is not None else None,
            answer=answer if call.writes else None,
            is_in_doubt=isinstance(failed, CallUnknownError),
        )
        self._guard.note(exchange, failed.fault if failed is not None else None)
        if failed is not None:
            raise failed
        return summary[:-1], answer[:-1]


def _complaint(call: Call, end: str) -> CallError | None:
    if end == words.DONE:
        return None
    if end == words.ERROR:
        said = "ExaBGP does not understand it, or has no neighbor for it: its log says why"
        return _error(call, Refusal(Fault.REFUSED, said))
    return _error(call, Refusal(Fault.TRANSIENT, "ExaBGP is shutting down"))


def _error(call: Call, refusal: Refusal) -> CallError:
    kind = CallUnknownError if call.writes and refusal.fault.leaves_doubt else CallError
    return kind(PROVIDER, call.what, refusal.fault, refusal.said)
