"""The one log stream of everything that the supervisor runs."""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import structlog

from shared.stack.lines import Line, LineSplitter, parse, unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COLOURS = ("cyan", "green", "magenta", "blue", "yellow", "bright_cyan", "bright_green")
_HELD_LINES = 10_000
# What a person at a terminal sees in the prefix, or does not need.
_HIDDEN = ("service", "version", "logger", "timestamp", "color_message")


class LogStream:
    """Writes whole lines to a file descriptor: as they are, or rendered for a terminal.

    It is the stream of the supervisor's own logging as well, which writes JSON lines into it.
    """

    def __init__(self, descriptor: int, *, console: bool, colours: bool = False) -> None:
        self._descriptor = descriptor
        self._render = _Console(colours) if console else _as_is
        self._own = LineSplitter()
        self._held: deque[bytes] | None = None
        self.on_broken: Callable[[], None] = lambda: None

    def put(self, line: Line) -> None:
        """Writes one event."""
        rendered = self._render(line) + b"\n"
        if self._held is None:
            self._write(rendered)
        else:
            self._held.append(rendered)

    def text(self, text: str) -> None:
        """Writes words for a person as they are, between two events."""
        self._write(text.encode())

    def write(self, text: str) -> None:
        """What `logging.StreamHandler` calls."""
        for raw in self._own.feed(text.encode()):
            if line := parse("up", raw, unexpected):
                self.put(line)

    def flush(self) -> None:
        """Nothing is ever kept back from the descriptor."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps lines back in the `with` block, while something else draws on the terminal."""
        self._held = deque(maxlen=_HELD_LINES)
        try:
            yield
        finally:
            held, self._held = self._held, None
            for rendered in held:
                self._write(rendered)

    def _write(self, rendered: bytes) -> None:
        try:
            while rendered:
                rendered = rendered[os.write(self._descriptor, rendered) :]
        except BrokenPipeError:  # nobody reads any more, as after `bgpilot up | head`
            self.on_broken()


def standard_output(log_format: str | None) -> LogStream:
    """The stream on standard output, in the format asked for or the one that fits."""
    terminal = sys.stdout.isatty()
    console = log_format == "console" or (log_format is None and terminal)
    return LogStream(sys.stdout.fileno(), console=console, colours=terminal)


def _as_is(line: Line) -> bytes:
    return line.raw


class _Console:
    """Renders an event as `time service | level event field=value`."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._seen: dict[str, str] = {}
        self._renderer = structlog.dev.ConsoleRenderer(
            colors=colours, pad_event_to=28, sort_keys=False
        )

    def __call__(self, line: Line) -> bytes:
        fields = {key: value for key, value in line.fields.items() if key not in _HIDDEN}
        traceback = _traceback(fields.pop("exception", ""))
        text = str(self._renderer(None, "", fields)) + traceback
        prefix = self._prefix(line.fields)
        return "\n".join(prefix + part for part in text.splitlines()).encode()

    def _prefix(self, fields: dict[str, Any]) -> str:
        service = str(fields.get("service", "?"))
        colour = self._seen.setdefault(service, _COLOURS[len(self._seen) % len(_COLOURS)])
        clock = str(fields.get("timestamp", ""))[11:19]
        text = f"{clock} {service:<8} | "
        return click.style(text, fg=colour) if self._colours else text


def _traceback(exception: Any) -> str:  # noqa: ANN401 - it comes out of a JSON line
    """The lines of a traceback that structlog's `dict_tracebacks` took apart."""
    if not isinstance(exception, list):
        return f"\n{exception}" if exception else ""
    parts = []
    for stack in exception:
        parts += [
            f"  {frame.get('filename')}:{frame.get('lineno')} in {frame.get('name')}"
            for frame in stack.get("frames", ())
        ]
        parts.append(f"{stack.get('exc_type')}: {stack.get('exc_value')}")
    return "".join(f"\n{part}" for part in parts)
