"""The compiled decoder: the tests of the plain one, run on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.compile_wire import EXTENSION, PACKAGE, sources, what_is_missing

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared"
WHERE = "import services.ingest.wire.stream as stream; print(stream.__file__)"


def run(directory: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment | {"PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """A copy of this repository whose decoder is compiled."""
    if missing := what_is_missing():
        pytest.skip(missing)
    copy = tmp_path / "repository"
    copy.mkdir()
    for name in ("services", "shared", "scripts", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    if DATA.exists():
        (tmp_path / "shared").symlink_to(DATA)
    done = run(copy, "scripts/compile_wire.py")
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


@pytest.mark.timeout(400)
def test_the_compiled_decoder_passes_the_tests_of_the_plain_one(compiled: Path) -> None:
    built = {path.name.split(".")[0] for path in (compiled / PACKAGE).rglob(f"*{EXTENSION}")}
    assert built == {Path(source).stem for source in sources()}
    assert run(compiled, "-c", WHERE).stdout.strip().endswith(EXTENSION)
    done = run(compiled, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/ingest/wire")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
