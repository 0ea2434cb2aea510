"""What `bgpilot decode` prints: the messages of a capture as JSON lines, or their summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from services.ingest.describe import describe
from services.ingest.summary import Summary
from services.ingest.wire import FramingError, StreamDecoder
from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from services.ingest.wire import AnyMessage


def write_messages(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> str | None:
    """One JSON object a line, written chunk by chunk; a note where the stream ends too early.

    Raises UserError where the stream cannot be followed, after the messages before it.
    """
    decoder = StreamDecoder()
    for chunk in chunks:
        lines: list[bytes] = []
        try:
            # A comprehension would lose the lines before a fault.
            for message in _decoded(decoder, chunk):
                line = orjson.dumps(describe(message), option=orjson.OPT_APPEND_NEWLINE)
                lines.append(line)
        finally:
            write(b"".join(lines))
    return _note(decoder)


def write_summary(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> str | None:
    """One JSON object with the counts of the whole capture, also where it cannot be followed."""
    decoder = StreamDecoder()
    summary = Summary(decoder)
    try:
        for chunk in chunks:
            for message in _decoded(decoder, chunk):
                summary.add(message)
    finally:
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        write(orjson.dumps(summary.as_json(), option=options))
    return _note(decoder)


def _decoded(decoder: StreamDecoder, chunk: bytes) -> Iterator[AnyMessage]:
    try:
        yield from decoder.feed(chunk)
    except FramingError as error:
        raise UserError(str(error)) from None


def _note(decoder: StreamDecoder) -> str | None:
    error = decoder.close()
    return None if error is None else str(error)
