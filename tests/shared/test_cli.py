"""The `bgpilot` command as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INTERRUPTED = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
# A shell starts what runs in the background with SIGINT ignored, and Python leaves it so.
LISTENS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
WORKS = "import click\n@click.command()\ndef command():\n    "


@pytest.mark.parametrize(
    "module",
    [INTERRUPTED, WORKS + INTERRUPTED.replace("\n", "\n    ")],
    ids=["while its modules are imported", "while it works"],
)
def test_an_interrupted_command_ends_without_a_word_with_130(tmp_path: Path, module: str) -> None:
    (tmp_path / "slow_command.py").write_text(module)
    package = tmp_path / "slow-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[bgpilot.commands]\nslow = slow_command:command\n")
    ended = subprocess.run(
        [sys.executable, "-c", LISTENS + "from shared.cli.main import main; main()", "slow"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")
