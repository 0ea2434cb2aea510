"""What was sent to a provider, and what came back: for the journal, without credentials."""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

_MOST_BYTES = 65_536
"""Of an answer that is kept."""
_SECRET = re.compile(
    r"secret|password|token|credential|authorization|private_?key|^key$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider, without credentials."""

    what: str
    """For people: `routers.patch of rt-east`."""
    method: str
    url: str
    body: object | None = None
    writes: bool = False
    """Whether it changes anything; a POST that reads does not."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that was sent, and what came back."""

    provider: str
    call: Call
    at: datetime
    seconds: float
    status: int | None
    """None: no answer came, or one that has no status."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """By which the provider knows it: operation, request, ray."""
    error: str | None = None
    answer: object | None = None
    """Of a write; what is read is kept as evidence, where it is any."""
    is_in_doubt: bool = False
    """Whether it is a write of which nobody knows whether it was, or will be, carried out."""

    def as_row(self) -> dict[str, object]:
        """It as JSON has it, with every secret left out."""
        return {
            "provider": self.provider,
            "what": self.call.what,
            "method": self.call.method,
            "url": self.call.url,
            "body": redacted(self.call.body),
            "at": self.at.isoformat(),
            "seconds": round(self.seconds, 3),
            "status": self.status,
            "ids": dict(self.ids),
            "error": self.error,
            "answer": _bounded(redacted(self.answer)),
            "writes": self.call.writes,
            "is_in_doubt": self.is_in_doubt,
        }


_SINKS: ContextVar[tuple[Callable[[Exchange], None], ...]] = ContextVar("sinks", default=())


@contextmanager
def recording(sink: Callable[[Exchange], None]) -> Iterator[None]:
    """Hands each exchange within to `sink`, at once, also those of tasks that begin within."""
    before = _SINKS.set((*_SINKS.get(), sink))
    try:
        yield
    finally:
        _SINKS.reset(before)


def record(exchange: Exchange) -> None:
    """Hands an exchange to all who listen."""
    for sink in _SINKS.get():
        sink(exchange)


_CHECKS: ContextVar[tuple[Callable[[], None], ...]] = ContextVar("checks", default=())


@contextmanager
def writing_only_if(check: Callable[[], None]) -> Iterator[None]:
    """Has `check` called right before each write within goes out: what it raises keeps it back.

    A process may be frozen after it was last asked whether it leads, and wake up much later.
    """
    before = _CHECKS.set((*_CHECKS.get(), check))
    try:
        yield
    finally:
        _CHECKS.reset(before)


def may_write() -> None:
    """Raises what a check raises."""
    for check in _CHECKS.get():
        check()


def redacted(value: object) -> object:
    """The same JSON with *** in place of whatever its name says is a secret."""
    if isinstance(value, dict):
        return {
            name: "***" if _SECRET.search(str(name)) and each is not None else redacted(each)
            for name, each in value.items()
        }
    return [redacted(each) for each in value] if isinstance(value, list) else value


def _bounded(answer: object) -> object:
    size = len(orjson.dumps(answer, default=str))
    return answer if size <= _MOST_BYTES else f"left out: {size} bytes"
