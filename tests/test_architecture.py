"""The import contracts hold, and fail when they are broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT = Path(sys.executable).with_name("lint-imports")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache"], cwd=directory, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("gateway", "services", "shared"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("services/routes/settings.py", "import services.ingest.rows", "never import each other"),
        ("shared/log.py", "import services.routes.settings", "never the other way round"),
        ("services/ingest/station.py", "import gateway.settings", "never the other way round"),
        ("services/ingest/wire/text.py", "import time", "no I/O, keeps no clock"),
    ],
)
def test_a_forbidden_import_is_found(
    copy: Path, module: str, statement: str, contract: str
) -> None:
    path = copy / module
    path.write_text(path.read_text() + f"\n{statement}\n")
    done = lint(copy)
    assert done.returncode == 1
    broken = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(contract in line for line in broken), done.stdout
