"""The compiled decoder: the tests of the plain one, run on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.compile_wire import EXTENSION, PACKAGES, sources, what_is_missing

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared"
WHERE = (
    "from services.ingest.wire import nlri, stream; print(stream.__file__); print(nlri.__path__)"
)
SHORTER = {"WIRE_TEST_STRETCH": "5000"}
"""Cuttings are the same work for both; this run is about the compiler."""


def run(directory: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment | SHORTER | {"PYTHONPATH": str(directory)},
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


@pytest.mark.timeout(600)
def test_the_compiled_decoder_passes_the_tests_of_the_plain_one(compiled: Path) -> None:
    assert modules(compiled, EXTENSION) == {Path(source).with_suffix("") for source in sources()}
    assert run(compiled, "-c", WHERE).stdout.splitlines() == [
        str(compiled / PACKAGES[0] / f"stream{EXTENSION}"),
        f"['{compiled / PACKAGES[0] / 'nlri'}']",
    ]
    paths = ("tests/ingest/wire", "tests/ingest/test_rows.py")
    tests = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *paths)
    for command in (tests, ("-m", "tests.fuzz", "--seconds", "15")):
        done = run(compiled, *command)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def test_what_make_compile_left_here_is_not_older_than_its_sources() -> None:
    """Python would run it instead of them: `make compile` or `make clean`."""
    for source in map(Path, sources()):
        built = (ROOT / source).with_suffix(EXTENSION)
        assert not built.exists() or built.stat().st_mtime >= (ROOT / source).stat().st_mtime


def modules(directory: Path, suffix: str) -> set[Path]:
    found = (path for package in PACKAGES for path in (directory / package).rglob(f"*{suffix}"))
    return {Path(str(path.relative_to(directory)).removesuffix(suffix)) for path in found}
