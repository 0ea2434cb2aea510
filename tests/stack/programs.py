"""Small programs for a supervisor to run, and a supervisor process whose log a test reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
STANDIN = Path(__file__).with_name("standin.py")

# Each gets the path of its ready file as its argument.
_READY = "import os, pathlib, signal, sys, threading; ready = pathlib.Path(sys.argv[1])\n"
_SAY_READY = "ready.with_suffix('.new').write_text(str(os.getpid()))\n"
_SAY_READY += "ready.with_suffix('.new').rename(ready)\n"
SERVES = f"{_READY}signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n{_SAY_READY}"
SERVES += "while True: signal.pause()\n"
STUBBORN = SERVES.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
NEVER_READY = SERVES.replace(_SAY_READY, "")
WORKS_AND_ENDS = "print('work done')\n"
FAILS_AS_UVICORN_DOES = """
import json
for level, event in (
    ("error", "an error of long ago"),
    ("error", "Traceback (most recent call last):\\n  line\\nOSError: the disk is full\\n"),
    ("warning", "a warning"),
    ("error", "Application shutdown failed. Exiting."),
):
    print(json.dumps({"level": level, "event": event}))
raise SystemExit(3)
"""
FAILS = "import sys; sys.exit('bgpilot: the cupboard is bare')\n"
FAILS_FROM_THE_SECOND_TIME = SERVES.replace(
    _SAY_READY, "if ready.exists(): sys.exit(7)\n" + _SAY_READY
)
HAS_A_CHILD = SERVES.replace(
    _SAY_READY,
    "import subprocess\n"
    "child = subprocess.Popen(['sleep', '1000'])\n"
    'print(\'{"event": "has a child", "pid": %d}\' % child.pid, flush=True)\n' + _SAY_READY,
)


class Supervised:
    """A supervisor in a process of its own. Its events are read as they come.

    `text` is whatever else it has written.
    """

    def __init__(self, argv: list[str], environment: dict[str, str] | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.text = ""
        self.process = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        )
        self._lines = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate()

    def until(self, event: str, **fields: object) -> dict[str, Any]:
        """Reads on to the next such event; fails when the log ends without it."""
        for found in self._lines:
            if found["event"] == event and fields.items() <= found.items():
                return found
        stderr = self.process.stderr.read().decode() if self.process.stderr else ""
        raise AssertionError(f"no {event!r} {fields} in {self.events}; {stderr}")

    def end(self) -> int:
        """Reads to the end of the log and gives the exit code."""
        for _ in self._lines:
            pass
        return self.process.wait()

    def stderr(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def components(self, event: str) -> list[str]:
        """The components of all events of this kind so far, in order."""
        return [found["component"] for found in self.events if found["event"] == event]

    def pids(self) -> list[int]:
        """Every process that the log has named."""
        return [found["pid"] for found in self.events if "pid" in found]

    def _read(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(b'{"'):
                self.events.append(json.loads(line))
                yield self.events[-1]
            else:
                self.text += line.decode()


def standin(
    directory: Path,
    *components: dict[str, Any],
    first: float = 0.01,
    longest: float = 0.05,
    healthy_after: float = 60.0,
) -> Supervised:
    """A supervisor of these programs, quick to start again what dies."""
    spec = directory / "spec.json"
    backoff = {"first": first, "longest": longest, "healthy_after": healthy_after}
    spec.write_text(json.dumps({"components": components, "backoff": backoff}))
    return Supervised([sys.executable, str(STANDIN), str(spec)])


def left_over(pids: list[int], seconds: float = 5.0) -> list[int]:
    """Those of the processes that still run after so long."""
    alive = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(alive, timeout=seconds)
    return [process.pid for process in alive if process.status() != psutil.STATUS_ZOMBIE]
