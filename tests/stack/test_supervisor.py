"""The supervisor, seen from outside: real processes, their log and their exit codes."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from shared.backoff import Backoff
from tests.stack.programs import (
    FAILS,
    FAILS_AS_UVICORN_DOES,
    FAILS_FROM_THE_SECOND_TIME,
    HAS_A_CHILD,
    NEVER_READY,
    SERVES,
    STUBBORN,
    WORKS_AND_ENDS,
    left_over,
    standin,
)

if TYPE_CHECKING:
    from pathlib import Path

SERVICE_ALONE = {"name": "service", "program": SERVES}
STORE = {"name": "store", "program": SERVES}
MIGRATE = {"name": "migrate", "program": WORKS_AND_ENDS, "ends": True, "needs": ["store"]}
SERVICE = {"name": "service", "program": SERVES, "needs": ["migrate"]}
DOOR = {"name": "door", "program": SERVES, "needs": ["service"]}


def test_what_is_needed_is_ready_before_what_needs_it_is_started(tmp_path: Path) -> None:
    with standin(tmp_path, DOOR, SERVICE, MIGRATE, STORE) as up:
        up.until("everything is up")
        up.signal(signal.SIGTERM)
        assert up.end() == 0
    told = [(e["event"], e.get("component", e["service"])) for e in up.events]
    order = [
        ("started", "store"),
        ("ready", "store"),
        ("started", "migrate"),
        ("work done", "migrate"),
        ("started", "service"),
        ("ready", "service"),
        ("started", "door"),
        ("ready", "door"),
    ]
    assert [item for item in told if item in order] == order


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_in_reverse_order_with_exit_code_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    with standin(tmp_path, STORE, MIGRATE, SERVICE, DOOR) as up:
        up.until("everything is up")
        up.signal(number)
        assert up.end() == 0
    assert up.components("stopped") == ["door", "service", "store"]
    assert {e["ended_with"] for e in up.events if e["event"] == "stopped"} == {"exit status 0"}
    assert left_over(up.pids()) == []


def test_a_killed_component_comes_back_while_the_others_go_on(tmp_path: Path) -> None:
    with standin(tmp_path, STORE, MIGRATE, SERVICE, DOOR) as up:
        up.until("everything is up")
        pid = next(e["pid"] for e in up.events if e.get("component") == "service" and "pid" in e)
        os.kill(pid, signal.SIGKILL)
        ended = up.until("component ended", component="service")
        assert ended["reason"] == "signal SIGKILL"
        assert 0.01 <= ended["again_in_s"] <= 0.05
        again = up.until("started", component="service")
        assert again["pid"] != pid
        up.until("ready", component="service")
        up.signal(signal.SIGTERM)
        assert up.end() == 0
    assert up.components("started") == ["store", "migrate", "service", "door", "service"]


def test_a_component_that_dies_again_and_again_is_waited_for_longer_and_longer(
    tmp_path: Path,
) -> None:
    failing = {"name": "service", "program": FAILS_FROM_THE_SECOND_TIME}
    with standin(tmp_path, STORE, failing, first=0.02, longest=0.2) as up:
        pid = up.until("started", component="service")["pid"]
        up.until("everything is up")
        os.kill(pid, signal.SIGKILL)
        waits = [up.until("component ended", component="service") for _ in range(6)]
        up.signal(signal.SIGTERM)
        assert up.end() == 0
    assert [ended["reason"] for ended in waits] == ["signal SIGKILL"] + 5 * ["exit status 7"]
    seconds = [ended["again_in_s"] for ended in waits]
    assert seconds == sorted(seconds)
    assert seconds[0] <= 0.03
    assert seconds[-1] == 0.2


def test_a_component_that_was_healthy_for_long_is_started_again_soon(tmp_path: Path) -> None:
    with standin(tmp_path, SERVICE_ALONE, first=0.02, longest=5.0, healthy_after=0.0) as up:
        for _ in range(4):
            pid = up.until("started", component="service")["pid"]
            up.until("ready", component="service")
            os.kill(pid, signal.SIGKILL)
            assert up.until("component ended", component="service")["again_in_s"] <= 0.03
        up.signal(signal.SIGTERM)
        assert up.end() == 0


def test_the_backoff_doubles_with_jitter_up_to_its_limit() -> None:
    backoff = Backoff(first=0.5, longest=30.0)
    for deaths in range(1, 100):
        least = min(0.5 * 2.0 ** (deaths - 1), 30.0)
        assert least <= backoff.delay(deaths) <= min(least * 1.5, 30.0)


def test_a_component_that_dies_in_the_start_up_stops_all_and_its_last_words_are_told(
    tmp_path: Path,
) -> None:
    failing = {"name": "service", "program": FAILS, "needs": ["store"]}
    with standin(tmp_path, STORE, failing, DOOR) as up:
        assert up.end() == 1
        words = up.stderr()
    assert words == ("bgpilot: service could not be started: exit status 1: the cupboard is bare\n")
    assert up.components("stopped") == ["store"]
    assert "door" not in up.components("started")
    assert left_over(up.pids()) == []


def test_the_reason_of_an_end_is_the_last_error_and_not_the_formula_after_it(
    tmp_path: Path,
) -> None:
    failing = {"name": "service", "program": FAILS_AS_UVICORN_DOES}
    with standin(tmp_path, failing) as up:
        assert up.end() == 1
        assert up.stderr().endswith(": exit status 3: OSError: the disk is full\n")


def test_the_sentence_that_a_program_ends_with_outweighs_earlier_errors(tmp_path: Path) -> None:
    earlier = 'print(\'{"level": "error", "event": "earlier"}\', flush=True)\n'
    with standin(tmp_path, {"name": "service", "program": earlier + FAILS}) as up:
        assert up.end() == 1
        assert up.stderr().endswith(": exit status 1: the cupboard is bare\n")


def test_a_component_that_is_never_ready_fails_the_start_up(tmp_path: Path) -> None:
    idle = {"name": "service", "program": NEVER_READY, "needs": ["store"], "start": 0.3}
    with standin(tmp_path, STORE, idle) as up:
        assert up.end() == 1
        assert "service is not ready after 0.3 s" in up.stderr()
    assert left_over(up.pids()) == []


def test_a_component_that_ignores_the_stop_signal_is_killed_with_a_warning(tmp_path: Path) -> None:
    stubborn = {"name": "service", "program": STUBBORN, "grace": 0.2}
    with standin(tmp_path, STORE, stubborn) as up:
        up.until("everything is up")
        up.signal(signal.SIGTERM)
        killed = up.until("killed", component="service")
        assert killed["level"] == "warning"
        assert killed["reason"] == "it did not stop in time"
        assert up.until("stopped", component="service")["ended_with"] == "signal SIGKILL"
        assert up.end() == 0
    assert left_over(up.pids()) == []


def test_a_second_signal_kills_at_once_with_exit_code_1(tmp_path: Path) -> None:
    stubborn = {"name": "service", "program": STUBBORN, "grace": 1000.0}
    with standin(tmp_path, STORE, stubborn) as up:
        up.until("everything is up")
        up.signal(signal.SIGINT)
        up.until("stopping", component="service")
        up.signal(signal.SIGINT)
        assert up.until("killed", component="service")["reason"] == "told to hurry"
        assert up.end() == 1
    assert left_over(up.pids()) == []


@pytest.mark.parametrize("event", ["started", "ready", "work done"])
def test_a_signal_in_the_middle_of_the_start_up_leaves_nothing_behind(
    tmp_path: Path, event: str
) -> None:
    with standin(tmp_path, STORE, MIGRATE, SERVICE, DOOR) as up:
        up.until(event)
        up.signal(signal.SIGTERM)
        assert up.end() == 0
    assert up.components("started")
    assert "everything is up" not in {e["event"] for e in up.events}
    assert left_over(up.pids()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    with standin(tmp_path, STORE, MIGRATE, SERVICE, DOOR) as up:
        up.until("everything is up")
        up.signal(signal.SIGKILL)
        assert up.end() == -signal.SIGKILL
        assert left_over(up.pids()) == []


def test_what_a_component_has_started_itself_ends_with_it(tmp_path: Path) -> None:
    parent = {"name": "service", "program": HAS_A_CHILD}
    with standin(tmp_path, parent) as up:
        grandchild = psutil.Process(up.until("has a child")["pid"])
        up.until("everything is up")
        up.signal(signal.SIGTERM)
        assert up.end() == 0
        assert left_over([grandchild.pid]) == []


def test_a_log_that_nobody_reads_any_more_stops_all(tmp_path: Path) -> None:
    with standin(tmp_path, STORE, SERVICE_ALONE) as up:
        pid = up.until("started", component="service")["pid"]
        up.until("everything is up")
        assert up.process.stdout is not None
        up.process.stdout.close()
        os.kill(pid, signal.SIGKILL)  # so that there is something to write
        assert up.process.wait() == 0
        assert left_over(up.pids()) == []
