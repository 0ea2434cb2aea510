"""How a replay shows its progress on standard error."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.ingest.replay import Progress as Played

STYLES = ("auto", "bar", "lines", "none")

_LINE_SECONDS = 2.0


@contextmanager
def shown(style: str) -> Iterator[Callable[[Played], None]]:
    """What to call with each step of a replay."""
    if style == "auto":
        style = "bar" if sys.stderr.isatty() else "lines"
    if style == "bar":
        with _bar() as step:
            yield step
    elif style == "lines":
        yield Lines(time.monotonic, sys.stderr.write)
    else:
        yield lambda _: None


@contextmanager
def _bar() -> Iterator[Callable[[Played], None]]:
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}% {task.fields[messages]} messages"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("replay", total=1.0, messages=0)

        def step(played: Played) -> None:
            progress.update(task, completed=played.share, messages=played.messages)
            if played.share >= 1:
                progress.stop()  # while connections are held open, others write below

        yield step


class Lines:
    """One plain line every two seconds, for logs."""

    def __init__(self, clock: Callable[[], float], write: Callable[[str], object]) -> None:
        self._clock = clock
        self._write = write
        self._due = clock() + _LINE_SECONDS

    def __call__(self, played: Played) -> None:
        if self._clock() < self._due:
            return
        self._due = self._clock() + _LINE_SECONDS
        self._write(f"replay: {played.share:.0%}, {played.messages} messages sent\n")
