"""What `bgpilot decode` prints: the messages of a capture as JSON lines, or their summary."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import orjson

from services.ingest.describe import describe
from services.ingest.filters import Filter
from services.ingest.pcap.capture import Connection, PacketCapture
from services.ingest.pcap.packets import MAGIC_SIZE, is_packet_capture
from services.ingest.summary import Summary
from services.ingest.wire import FramingError, StreamDecoder
from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from services.ingest.wire import AnyMessage

EVERYTHING = Filter()


class Batch(NamedTuple):
    """Messages that completed together; `connection` is None where the capture is only one."""

    connection: str | None
    decoder: StreamDecoder
    messages: Iterator[AnyMessage]


class Decoding:
    """The messages of a capture, batch by batch: one connection's stream, or a packet capture.

    Each connection has a decoder of its own. A stream that cannot be followed raises UserError
    after the messages before it; in a packet capture it is noted, and the others go on.
    """

    def __init__(
        self, chunks: Iterable[bytes], wanted: Filter = EVERYTHING, port: int | None = None
    ) -> None:
        self._chunks = iter(chunks)
        self._wanted = wanted
        self._port = port
        self.notes: list[str] = []
        """What a person should know of the capture, once all of it has been read."""
        self.is_whole = True
        """Whether every connection could be followed to its end."""

    def batches(self) -> Iterator[Batch]:
        head = b""
        while len(head) < MAGIC_SIZE and (chunk := next(self._chunks, None)) is not None:
            head += chunk
        chunks = chain((head,), self._chunks)
        if is_packet_capture(head[:MAGIC_SIZE]):
            return self._packet_capture(chunks)
        return self._stream(chunks)

    def _stream(self, chunks: Iterable[bytes]) -> Iterator[Batch]:
        decoder = StreamDecoder()
        for chunk in chunks:
            yield Batch(None, decoder, self._followed(decoder, chunk))
        if error := decoder.close():
            self.notes.append(str(error))

    def _followed(self, decoder: StreamDecoder, chunk: bytes) -> Iterator[AnyMessage]:
        try:
            yield from filter(self._wanted.wants, decoder.feed(chunk))
        except FramingError as error:
            raise UserError(str(error)) from None

    def _packet_capture(self, chunks: Iterable[bytes]) -> Iterator[Batch]:
        capture = PacketCapture(chunks, self._port)
        decoders: dict[Connection, StreamDecoder] = {}
        faults: dict[Connection, FramingError] = {}

        def as_far_as_possible(connection: Connection, data: bytes) -> Iterator[AnyMessage]:
            try:
                yield from filter(self._wanted.wants, decoders[connection].feed(data))
            except FramingError as error:
                faults[connection] = error

        for connection, data in capture.read():
            if connection not in faults:
                decoder = decoders.setdefault(connection, StreamDecoder())
                yield Batch(connection.label, decoder, as_far_as_possible(connection, data))
        for connection in capture.connections:
            fault = faults.get(connection)
            if fault is None and connection in decoders:
                self.notes += connection.notes(decoders[connection].close())
            else:
                self.notes += connection.notes(fault)
        self.notes += capture.notes()
        self.is_whole = not faults


def write_messages(decoding: Decoding, write: Callable[[bytes], object]) -> None:
    """One JSON object a line, written batch by batch."""
    for batch in decoding.batches():
        lines: list[bytes] = []
        label = {} if batch.connection is None else {"connection": batch.connection}
        try:
            # A comprehension would lose the lines before a fault.
            for message in batch.messages:
                shown = label | describe(message)
                lines.append(orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE))
        finally:
            if lines:
                write(b"".join(lines))


def write_summary(decoding: Decoding, write: Callable[[bytes], object]) -> None:
    """One JSON object with the counts of the whole capture, also where it cannot be followed."""
    summary = Summary()
    try:
        for batch in decoding.batches():
            for message in batch.messages:
                summary.add(message, batch.decoder)
    finally:
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        write(orjson.dumps(summary.as_json(), option=options))
