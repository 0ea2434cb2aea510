"""A program that is told to stop, as whoever stops it sees it: by its exit status and its words."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROGRAM = """
import asyncio, time, uvloop
from shared.stopping import stopping_on_signals

async def main(seconds, stuck):
    stop, done = asyncio.Event(), asyncio.Event()

    async def tell():
        await asyncio.to_thread(input)
        done.set()

    def begin(number):
        print("stops after", number.name, flush=True)
        if stuck:
            time.sleep(60)
        stop.set()

    with stopping_on_signals(begin, seconds=seconds, abort=lambda: print("aborted", flush=True)):
        print("runs", flush=True)
        await stop.wait()
        await tell()
    print("stopped", flush=True)

with asyncio.Runner(loop_factory={loop}) as runner:
    runner.run(main({seconds}, {stuck}))
"""
LOOPS = ("asyncio.new_event_loop", "uvloop.new_event_loop")


@contextlib.asynccontextmanager
async def program(loop: str, *, seconds: float = 60, stuck: bool = False) -> AsyncIterator[Process]:
    """A program that runs; its orderly stop ends when it reads a line."""
    code = PROGRAM.format(loop=loop, seconds=seconds, stuck=stuck)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        await said(process, b"runs")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def said(process: Process, words: bytes) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while words not in (line := await process.stdout.readline()):
            assert line, f"it ended without {words!r}"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_signal_begins_an_orderly_stop(loop: str, number: signal.Signals) -> None:
    async with program(loop) as process:
        process.send_signal(number)
        await said(process, b"stops after " + number.name.encode())
        out, err = await process.communicate(b"\n")
        assert (process.returncode, err) == (0, b"")
        assert b"stopped" in out
        assert b"aborted" not in out


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_second_signal_ends_it_at_once(
    loop: str, number: signal.Signals, status: int
) -> None:
    async with program(loop) as process:
        process.send_signal(signal.SIGTERM)
        await said(process, b"stops after SIGTERM")
        process.send_signal(number)
        await said(process, b"aborted")
        async with asyncio.timeout(10):
            assert await process.wait() == status


@pytest.mark.parametrize("stuck", [False, True], ids=["it waits", "its loop hangs"])
async def test_a_stop_that_takes_too_long_is_ended(stuck: bool) -> None:
    async with program(LOOPS[1], seconds=0.2, stuck=stuck) as process:
        process.send_signal(signal.SIGTERM)
        await said(process, b"aborted")
        async with asyncio.timeout(10):
            assert await process.wait() == 1
