"""Files that are written, replaced, broken and taken away while the service runs."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.routes.enrichment.errors import FileError
from services.routes.enrichment.watched import WatchedFile, read_apart

if TYPE_CHECKING:
    from pathlib import Path

    from services.routes.enrichment.as_names import AsNames
    from services.routes.enrichment.communities import CommunityTexts
    from services.routes.enrichment.vrp_table import VrpTable


def vrps(*asns: int) -> str:
    roas = [{"asn": asn, "prefix": "192.0.2.0/24", "maxLength": 24} for asn in asns]
    return json.dumps({"roas": roas})


def replace(path: Path, text: str) -> None:
    """As tools do that know how: a new file, renamed over the old one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def reads(kind: str, result: str) -> float:
    name, labels = "bgpilot_routes_file_reads_total", {"file": kind, "result": result}
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_file_is_read_by_another_process_and_used(tmp_path: Path) -> None:
    path = tmp_path / "vrps.json"
    path.write_text(vrps(64496))
    os.utime(path, (1000, 1000))
    watched: WatchedFile[VrpTable] = WatchedFile("vrps", path, clock=lambda: 1060.0)
    await watched.refresh()
    assert watched.content is not None
    assert watched.content.state("192.0.2.0/24", 64496, 0) == "valid"
    assert watched.status() == {"file": str(path), "entries": 1, "age_s": 60.0}
    assert REGISTRY.get_sample_value("bgpilot_routes_file_age_seconds", {"file": "vrps"}) == 60
    assert REGISTRY.get_sample_value("bgpilot_routes_file_entries", {"file": "vrps"}) == 1


async def test_a_file_that_is_replaced_is_read_again_and_one_that_is_not_is_left(
    tmp_path: Path,
) -> None:
    path = tmp_path / "vrps.json"
    path.write_text(vrps(64496))
    watched: WatchedFile[VrpTable] = WatchedFile("vrps", path)
    before = reads("vrps", "read")
    for _ in range(3):
        await watched.refresh()
    assert reads("vrps", "read") == before + 1
    replace(path, vrps(64496, 64497))
    await watched.refresh()
    assert reads("vrps", "read") == before + 2
    assert watched.content is not None
    assert len(watched.content) == 2


@pytest.mark.parametrize("same", ["mtime", "size"])
async def test_a_replacement_is_seen_even_where_it_looks_the_same(
    tmp_path: Path, same: str
) -> None:
    path = tmp_path / "vrps.json"
    path.write_text(vrps(64496))
    watched: WatchedFile[VrpTable] = WatchedFile("vrps", path)
    await watched.refresh()
    stat = path.stat()
    replace(path, vrps(64497))
    if same == "mtime":
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    await watched.refresh()
    assert watched.content is not None
    assert watched.content.state("192.0.2.0/24", 64497, 0) == "valid"


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (vrps(64496)[:-5], "it is no JSON, or is cut off"),
        ('{"roas": [{"asn": 1}]}', "roas[0] has no prefix"),
        ("", "it is no JSON"),
        (None, "No such file or directory"),
    ],
)
async def test_a_broken_file_leaves_the_old_one_in_use_and_is_said_once(
    tmp_path: Path, broken: str | None, fault: str
) -> None:
    path = tmp_path / "vrps.json"
    path.write_text(vrps(64496))
    watched: WatchedFile[VrpTable] = WatchedFile("vrps", path)
    await watched.refresh()
    before = reads("vrps", "failed")
    path.unlink()
    if broken is not None:
        path.write_text(broken)
    with capture_logs() as said:
        for _ in range(3):
            await watched.refresh()
    assert [one["event"] for one in said] == ["file not read"]
    assert said[0]["reason"].startswith(fault)
    assert reads("vrps", "failed") > before
    assert watched.content is not None
    assert watched.content.state("192.0.2.0/24", 64496, 0) == "valid"
    status = watched.status()
    assert status["warning"].startswith(fault)
    assert status["warning"].endswith("; what was read before is in use")
    assert status["entries"] == 1

    replace(path, vrps(64497))
    await watched.refresh()
    assert "warning" not in watched.status()
    assert watched.content.state("192.0.2.0/24", 64497, 0) == "valid"


async def test_a_file_that_was_never_good_is_a_warning_and_nothing_is_in_use(
    tmp_path: Path,
) -> None:
    watched: WatchedFile[AsNames] = WatchedFile("as_names", tmp_path / "none.csv")
    await watched.refresh()
    assert watched.content is None
    assert watched.status() == {
        "file": str(tmp_path / "none.csv"),
        "warning": "No such file or directory; nothing is in use",
    }


async def test_a_file_that_changes_while_it_is_read_is_not_taken_but_read_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "names.csv"
    path.write_text("64496,Old\n")
    writing = iter(["64496,New\n"])

    async def read(kind: Any, path: Path) -> AsNames:
        content: AsNames = await read_apart(kind, path)
        for text in writing:
            replace(path, text)
        return content

    watched: WatchedFile[AsNames] = WatchedFile("as_names", path, read=read)
    await watched.refresh()
    assert watched.content is None
    await watched.refresh()
    assert watched.content == {64496: "New"}


async def test_a_reader_that_is_killed_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text("64496,Name\n")
    faults = iter([ChildProcessError("its reader was ended by signal 9")])

    async def read(kind: Any, path: Path) -> AsNames:
        for fault in faults:
            raise fault
        content: AsNames = await read_apart(kind, path)
        return content

    watched: WatchedFile[AsNames] = WatchedFile("as_names", path, read=read)
    await watched.refresh()
    assert watched.status()["warning"].startswith("its reader was ended by signal 9")
    await watched.refresh()
    assert watched.content == {64496: "Name"}


async def test_a_directory_is_all_its_text_files_and_a_new_one_is_seen(tmp_path: Path) -> None:
    watched: WatchedFile[CommunityTexts] = WatchedFile("communities", tmp_path)
    await watched.refresh()
    assert watched.status()["warning"].startswith("the directory has no .txt files")
    (tmp_path / "as64496.txt").write_text("64496:1,one\n")
    (tmp_path / "README.md").write_text("not read")
    await watched.refresh()
    assert watched.content is not None
    assert watched.content.text("64496:1") == "one"
    (tmp_path / "as64497.txt").write_text("64497:2,two")
    await watched.refresh()
    assert watched.content.text("64497:2") == "two"
    assert watched.content.text("64496:1") == "one"


async def test_a_pipe_that_nobody_writes_to_keeps_nothing_waiting(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await read_apart("vrps", path)


async def test_what_the_system_says_of_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="Is a directory"):
        await read_apart("vrps", tmp_path)
