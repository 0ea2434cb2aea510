"""Captures: the octets of one router's connection in a file, plain, gzip or xz.

Nothing here decodes a message; frames are told apart by the length in the BMP common header.
"""

from __future__ import annotations

import gzip
import lzma
import os
import sys
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shared.errors import UserError

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

CHUNK = 262_144
_HEADER = 6
_GZIP = b"\x1f\x8b"
_XZ = b"\xfd7zXZ\x00"


class Capture:
    """One open capture, read in chunks; its compression is told by its first octets."""

    def __init__(self, path: str, file: io.BufferedReader) -> None:
        self.path = path
        self.size = os.fstat(file.fileno()).st_size if file.seekable() else 0
        """Octets on disk; 0 where it is a pipe."""
        self._file = file
        self._stream = _decompressed(file)

    def position(self) -> int:
        """Octets on disk that have been read."""
        return self._file.tell() if self.size else 0

    def chunks(self) -> Iterator[bytes]:
        """The capture's octets, as many at a time as are at hand; UserError where it is damaged."""
        while True:
            try:
                data = self._stream.read1(CHUNK)
            except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
                raise UserError(f"{self.path} is damaged or cut short: {error}") from None
            if not data:
                return
            yield data


@contextmanager
def open_capture(path: str) -> Iterator[Capture]:
    """The capture at `path`, standard input where it is `-`; UserError where it cannot be read."""
    with ExitStack() as stack:
        try:
            if path == "-":
                file = stack.enter_context(open(sys.stdin.fileno(), "rb", closefd=False))
            else:
                file = stack.enter_context(Path(path).open("rb"))
            capture = Capture(path, file)
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"cannot read {path}: {reason}") from None
        yield capture


def _decompressed(file: io.BufferedReader) -> io.BufferedReader | gzip.GzipFile | lzma.LZMAFile:
    head = file.peek(len(_XZ))
    if head.startswith(_XZ):
        return lzma.LZMAFile(file)
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=file)
    return file


class Block(NamedTuple):
    """Whole messages in a row: their octets, and where in them each message ends."""

    data: bytes
    ends: list[int]


def blocks(chunks: Iterator[bytes]) -> Iterator[Block]:
    """Whole messages, block by block.

    What follows a header whose length is impossible, or an end inside a message, comes out
    unchanged in blocks of no message: a replay plays faults too.
    """
    rest = b""
    framed = True
    for chunk in chunks:
        data = rest + chunk
        ends, framed = _ends(data) if framed else ([], False)
        cut = (ends[-1] if ends else 0) if framed else len(data)
        rest = data[cut:]
        if cut:
            yield Block(data[:cut], ends)
    if rest:
        yield Block(rest, [])


def _ends(data: bytes) -> tuple[list[int], bool]:
    """Where each whole message of `data` ends; False where a length is impossible."""
    ends: list[int] = []
    pos = 0
    while len(data) - pos >= _HEADER:
        length = int.from_bytes(data[pos + 1 : pos + 5], "big")
        if length < _HEADER or length > CHUNK * 64:
            return ends, False
        pos += length
        if pos > len(data):
            break
        ends.append(pos)
    return ends, True
