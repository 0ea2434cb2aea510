"""A component that cannot be started again at once, and a keeper that fails itself."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from shared.backoff import Backoff
from shared.errors import UserError
from shared.stack.component import Component
from shared.stack.stream import LogStream
from shared.stack.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

WAITS = "import signal; signal.pause()"
NO_PROCESS = OSError(errno.EAGAIN, "Resource temporarily unavailable")
NO_PROGRAM = OSError(errno.ENOENT, "No such file or directory")


class Script:
    """Answers a call after the other with these outcomes, raised or None, then None for ever."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self._outcomes = list(outcomes)
        self.is_over = asyncio.Event()

    def next(self) -> None:
        if not self._outcomes:
            self.is_over.set()
            return
        outcome = self._outcomes.pop(0)
        if outcome is not None:
            raise outcome


@asynccontextmanager
async def supervised(
    account: Callable[[], None] = lambda: None, asked: Callable[[], None] = lambda: None
) -> AsyncIterator[Supervisor]:
    """A supervisor of one program; `account` and `asked` are called at each start and probe."""

    async def is_ready() -> bool:
        asked()
        return True

    component = Component(
        name="service",
        argv=(sys.executable, "-c", WAITS),
        environment=dict(os.environ),
        account=account,
        is_ready=is_ready,
    )
    null = os.open(os.devnull, os.O_WRONLY)
    stream = LogStream(null, console=False)
    supervisor = Supervisor([component], stream, Backoff(first=0.01, longest=0.02))
    try:
        yield supervisor
    finally:
        await supervisor.stop()
        os.close(null)


async def test_a_start_that_the_system_refuses_is_tried_again_and_its_reason_told() -> None:
    starts = Script(None, NO_PROCESS, NO_PROGRAM)
    with capture_logs() as logs:
        async with supervised(account=starts.next) as supervisor:
            await supervisor.start()
            kill_started(logs)
            async with asyncio.timeout(20):
                await starts.is_over.wait()
    reasons = [each["reason"] for each in logs if each["event"] == "component ended"]
    assert reasons[0] == "signal SIGKILL"
    assert [reason.partition("] ")[2] for reason in reasons[1:]] == [
        NO_PROCESS.strerror,
        NO_PROGRAM.strerror,
    ]


async def test_a_first_start_that_the_system_refuses_is_one_sentence() -> None:
    async with supervised(account=Script(NO_PROCESS).next) as supervisor:
        with pytest.raises(UserError, match=r"service could not be started: .* temporarily"):
            await supervisor.start()


async def test_a_probe_that_the_system_refuses_is_made_again() -> None:
    probes = Script(NO_PROCESS, NO_PROCESS)
    async with supervised(asked=probes.next) as supervisor:
        await supervisor.start()
    assert probes.is_over.is_set()


async def test_a_keeper_that_fails_itself_is_critical() -> None:
    failed = asyncio.Event()

    def fail() -> None:
        failed.set()
        raise RuntimeError("a defect")

    started = Script(None)
    with capture_logs() as logs:
        async with supervised(
            asked=lambda: fail() if started.is_over.is_set() else started.next()
        ) as supervisor:
            await supervisor.start()
            started.next()
            kill_started(logs)
            async with asyncio.timeout(20):
                await failed.wait()
    (told,) = [each for each in logs if each["log_level"] == "critical"]
    assert (told["event"], told["component"]) == ("not kept running any more", "service")
    assert str(told["exc_info"]) == "a defect"


def kill_started(logs: list[dict[str, object]]) -> None:
    pid = next(each["pid"] for each in logs if each["event"] == "started")
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
