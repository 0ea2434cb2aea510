"""The lines that child processes write, as log events.

A line that is a JSON object with an `event` is ours already and passes unchanged. Everything
else becomes such an object.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

LONGEST_LINE = 64 * 1024

PlainLine = Callable[[str], tuple[str, str] | None]
"""Level and event of a line that is not JSON; None for a line to leave out."""


@dataclass(frozen=True)
class Line:
    """One event: its fields, and the same as the bytes of one line without its end."""

    fields: dict[str, Any]
    raw: bytes

    @property
    def level(self) -> str:
        """The level in lower-case letters."""
        return str(self.fields.get("level", "info"))

    @property
    def event(self) -> str:
        """What happened."""
        return str(self.fields["event"])


class LineSplitter:
    """Cuts a stream of bytes into lines; of a line longer than `longest` the rest is dropped."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._begun = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete, without their ends. No bytes are the end of all."""
        if not data:
            rest, self._begun = self._begun, b""
            return [self._cut(rest)] if rest else []
        *complete, begun = (self._begun + data).split(b"\n")
        self._begun = begun[: self._longest + 1]
        return [self._cut(line.rstrip(b"\r")) for line in complete if line.strip()]

    def _cut(self, line: bytes) -> bytes:
        return line if len(line) <= self._longest else line[: self._longest] + b" (cut)"


def parse(service: str, raw: bytes, plain: PlainLine) -> Line | None:
    """The event that a line of this service stands for; None for a line to leave out."""
    if raw.startswith(b"{"):
        try:
            fields = orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass
        else:
            if "event" in fields:
                return Line(fields, raw)
    told = plain(raw.decode(errors="replace").rstrip())
    if told is None:
        return None
    level, event = told
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    fields = {"timestamp": now, "level": level, "service": service, "event": event}
    return Line(fields, orjson.dumps(fields))


def unexpected(text: str) -> tuple[str, str]:
    """Our own services write plain lines only when something is wrong, such as a traceback.

    The sentence that a program ends with for a UserError is the error itself.
    """
    return "error" if text.startswith("bgpilot: ") else "warning", text


# https://www.postgresql.org/docs/current/runtime-config-logging.html, message severity levels
_POSTGRES_LEVELS = {
    "DEBUG": "debug",
    "INFO": "info",
    "NOTICE": "info",
    "LOG": "info",
    "WARNING": "warning",
    "ERROR": "warning",  # a statement failed, and whoever sent it was told
    "FATAL": "error",
    "PANIC": "critical",
    "DETAIL": "info",
    "HINT": "info",
    "CONTEXT": "info",
    "STATEMENT": "info",
}
_POSTGRES_LINE = re.compile(r"([A-Z]+)\d?:  (.*)")


def postgres(text: str) -> tuple[str, str]:
    """A line of a PostgreSQL server's log; lines that continue a message begin with a tab."""
    match = _POSTGRES_LINE.match(text)
    if match is None or match[1] not in _POSTGRES_LEVELS:
        return "info", text.strip()
    return _POSTGRES_LEVELS[match[1]], match[2]
