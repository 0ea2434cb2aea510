"""A copy of the services whose decoder is compiled, for comparisons within one run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.captures import ROOT
from scripts.compile_wire import what_is_missing

if TYPE_CHECKING:
    from pathlib import Path


def copied(directory: Path, *, compiled: bool) -> Path | str:
    """Where the copy is, or why it cannot be compiled."""
    if compiled and (missing := what_is_missing()):
        return missing
    copy = directory / ("compiled" if compiled else "plain")
    for name in ("bench", "scripts", "services", "shared"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    if compiled:
        command = [sys.executable, "scripts/compile_wire.py"]
        subprocess.run(command, cwd=copy, env=environment(copy), check=True, capture_output=True)
    return copy


def environment(copy: Path) -> dict[str, str]:
    """What makes a child process import the copy."""
    return os.environ | {"PYTHONPATH": str(copy)}
