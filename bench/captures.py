"""The captures that benchmarks read."""

from __future__ import annotations

from pathlib import Path

from bench.generated import SHAPES, write
from services.ingest.captures import open_capture

ROOT = Path(__file__).parent.parent
_DATA = ROOT.parent / "shared" / "data" / "bmp"
_LARGE = ("juniper-m320-2018-full-table.bmp.xz", "dfz2025_2peers_v4v6.bmp.gz")


def streams(directory: Path) -> list[Path]:
    """The large captures as plain files in a directory; generated ones where none are at hand."""
    large = [_DATA / name for name in _LARGE]
    if not all(path.exists() for path in large):
        return [write(shape, directory) for shape in SHAPES]
    return [_plain(path, directory) for path in large]


def churn(directory: Path) -> Path | None:
    """A quarter of an hour of updates of twenty peers, as a plain file."""
    path = _DATA / "churn_2026.bmp.gz"
    return _plain(path, directory) if path.exists() else None


def _plain(path: Path, directory: Path) -> Path:
    out = directory / path.name.partition(".")[0]
    with open_capture(str(path)) as capture, out.open("wb") as file:
        file.writelines(capture.chunks())
    return out
