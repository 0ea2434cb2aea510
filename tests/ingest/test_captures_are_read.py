"""Capture files: any compression, any damage, and frames by their length."""

from __future__ import annotations

import gzip
import lzma
from typing import TYPE_CHECKING

import pytest

from services.ingest.captures import CHUNK, Block, blocks, open_capture
from services.ingest.replay import cut
from shared.errors import UserError
from tests.ingest.wire import octets as o

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE = o.bmp(o.INITIATION, o.tlv(2, b"edge1"))
STREAM = MESSAGE * 500


def content(path: Path) -> bytes:
    with open_capture(str(path)) as capture:
        return b"".join(capture.chunks())


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_the_compression_is_told_by_the_content_not_the_name(
    tmp_path: Path, compress: object
) -> None:
    path = tmp_path / "capture.bin"
    path.write_bytes(compress(STREAM))  # type: ignore[operator]
    assert content(path) == STREAM


def test_an_empty_capture_has_no_octets(tmp_path: Path) -> None:
    path = tmp_path / "empty.bmp"
    path.touch()
    assert content(path) == b""


def test_a_capture_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*nowhere.bmp: No such file or directory"):
        content(tmp_path / "nowhere.bmp")


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_damaged_capture_is_a_clear_sentence(tmp_path: Path, compress: object) -> None:
    path = tmp_path / "broken"
    path.write_bytes(compress(STREAM)[:-9])  # type: ignore[operator]
    with pytest.raises(UserError, match="broken is damaged or cut short"):
        content(path)


def test_the_position_reaches_the_size_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "c.gz"
    path.write_bytes(gzip.compress(STREAM))
    with open_capture(str(path)) as capture:
        assert capture.position() <= capture.size
        for _ in capture.chunks():
            pass
        assert capture.position() == capture.size == path.stat().st_size


@pytest.mark.parametrize("size", [1, 5, 6, 7, 15, 16, 1000])
def test_blocks_hold_whole_messages_however_the_octets_come(size: int) -> None:
    found = list(blocks(STREAM[i : i + size] for i in range(0, len(STREAM), size)))
    assert b"".join(block.data for block in found) == STREAM
    assert sum(len(block.ends) for block in found) == 500
    assert all(block.ends[-1] == len(block.data) for block in found)


def test_an_end_inside_a_message_is_played_too() -> None:
    found = list(blocks(iter([MESSAGE + MESSAGE[:7]])))
    assert found == [Block(MESSAGE, [len(MESSAGE)]), Block(MESSAGE[:7], [])]


def test_octets_that_are_no_bmp_are_played_unchanged() -> None:
    rubbish = b"GET / HTTP/1.1\r\n\r\n"
    assert list(blocks(iter([rubbish]))) == [Block(rubbish, [])]
    after = list(blocks(iter([MESSAGE + b"\3\0\0\0\1\0", MESSAGE])))
    assert b"".join(block.data for block in after) == MESSAGE + b"\3\0\0\0\1\0" + MESSAGE


def test_a_message_longer_than_a_chunk_is_one_message() -> None:
    long = o.bmp(o.INITIATION, o.tlv(0, bytes(60_000)) * 10)
    assert len(long) > CHUNK
    found = list(blocks(long[i : i + CHUNK] for i in range(0, len(long), CHUNK)))
    assert found == [Block(long, [len(long)])]


@pytest.mark.parametrize("step", [1, 2, 3, 10])
def test_a_block_is_cut_between_messages(step: int) -> None:
    block = Block(MESSAGE * 7, [len(MESSAGE) * n for n in range(1, 8)])
    parts = list(cut(block, step))
    assert b"".join(part.data for part in parts) == block.data
    assert [len(part.ends) for part in parts] == [step] * (7 // step) + [7 % step] * bool(7 % step)
    assert all(part.ends[-1] == len(part.data) for part in parts)
