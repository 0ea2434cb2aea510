"""Runs a program that must not outlive the process that started it.

    python -I -S leash.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT ...]

becomes PROGRAM, as user UID and group GID (a dash keeps what we are). On Linux the kernel sends
it SIGNAL once the process PARENT is gone, however that happened. This is a program of its own,
and not a `preexec_fn`, since code between fork and exec of a process with threads may deadlock.
It stands on the standard library alone and is run by path: it must start fast, and it reads all
it needs before it gives up the right to read it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def command(
    argv: list[str], *, stop_signal: signal.Signals, account: tuple[int, int] | None = None
) -> list[str]:
    """The argument list that runs `argv` on a leash held by this process.

    `account` is the uid and gid to run as.
    """
    uid, gid = map(str, account) if account else ("-", "-")
    leash = [sys.executable, "-I", "-S", __file__]
    return [*leash, str(os.getpid()), str(int(stop_signal)), uid, gid, *argv]


def _main(parent: str, stop_signal: str, uid: str, gid: str, *argv: str) -> None:
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":  # after the change of user, which would clear it (prctl(2))
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(stop_signal))
    if os.getppid() != int(parent):
        sys.exit("the process that started this one is gone already")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would keep that
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
