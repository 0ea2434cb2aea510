"""How Linux shares the processor between our processes, where all of them want it.

Those who answer questions do little at a time, and wait for their turn a dozen times for each
answer; ingest takes all that it is given while a router sends its table.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import time
from pathlib import Path

_SESSION_NICE = Path("/proc/self/autogroup")
_TRIES = 10

_TURN_NANOSECONDS = 200_000
# sched_setattr(2), which the C library has no function for.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
_SCHED_OTHER = 0
# struct sched_attr: its size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def let_others_go_first(nice: int) -> None:
    """Others take precedence over this process and its workers, which inherit it (nice(2)).

    Where Linux groups processes by session (sched(7), autogroup) a process's own niceness counts
    in its group alone, and the group's counts among the others. The group is ours to set where we
    are the first of it.
    """
    ours = os.nice(nice)
    if not nice or os.getsid(0) != os.getpid():
        return
    for _ in range(_TRIES):
        try:
            _SESSION_NICE.write_text(f"{ours}\n")
        except BlockingIOError:  # users together may change one in a tenth of a second
            time.sleep(0.1)
        except OSError:  # another kernel, or one that has no such groups
            return
        else:
            return


def take_short_turns() -> None:
    """Whatever wakes this thread, and those it starts, gets it a turn soon, but a short one.

    Its share stays the same. Linux has this since 6.12; older kernels take the call and do nothing,
    and where there is no such call, or it is forbidden, everything is as it was.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if platform.system() != "Linux" or number is None or os.sched_getscheduler(0) != _SCHED_OTHER:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(
        _ATTRIBUTES.size, _SCHED_OTHER, 0, nice, 0, _TURN_NANOSECONDS, 0, 0
    )
    ctypes.CDLL(None).syscall(number, 0, attributes, 0)
