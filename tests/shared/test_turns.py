"""What Linux is told of our processes; what ingest says is in tests/ingest/test_workers.py."""

from __future__ import annotations

import ctypes
import platform
import threading

import pytest

from shared import turns

_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275, "riscv64": 275}


def _turn() -> tuple[int, int]:
    """Niceness and nanoseconds of a turn of this thread (sched_getattr(2))."""
    attributes = ctypes.create_string_buffer(48)
    number = _SCHED_GETATTR[platform.machine()]
    assert ctypes.CDLL(None).syscall(number, 0, attributes, 48, 0) == 0
    _, _, _, nice, _, runtime, _, _ = turns._ATTRIBUTES.unpack(attributes.raw)
    return nice, runtime


@pytest.mark.skipif(
    platform.system() != "Linux"
    or tuple(map(int, platform.release().split(".")[:2])) < (6, 12)
    or platform.machine() not in _SCHED_GETATTR,
    reason="Linux has turns of one's own since 6.12",
)
def test_short_turns_are_taken_by_a_thread_and_those_it_starts_and_it_is_as_nice_as_before() -> (
    None
):
    seen: list[tuple[int, int]] = []

    def work() -> None:
        before = _turn()
        turns.take_short_turns()
        inner = threading.Thread(target=lambda: seen.append(_turn()))
        inner.start()
        inner.join()
        seen.extend((before, _turn()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    inherited, before, after = seen
    assert after == inherited == (before[0], 200_000)
    assert before[1] != 200_000


def test_a_machine_that_has_no_such_call_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    turns.take_short_turns()
