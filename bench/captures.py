"""The captures that benchmarks read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
_DATA = ROOT.parent / "shared" / "data" / "bmp"
_LARGE = ("juniper-m320-2018-full-table.bmp.xz", "dfz2025_2peers_v4v6.bmp.gz")


def captures() -> list[Path]:
    """The large captures where they are at hand, else the demo's."""
    large = [_DATA / name for name in _LARGE]
    return large if all(path.exists() for path in large) else [ROOT / "shared/stack/demo.bmp.gz"]
