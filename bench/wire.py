"""How fast the decoder is, alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.captures import captures
from services.ingest.captures import open_capture
from services.ingest.wire import RouteMonitoring, StreamDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READ_BYTES = 65_536
RUNS = 3


def run() -> Iterator[dict[str, object]]:
    """Routes per CPU second over each capture, the best of three runs."""
    for path in captures():
        data = _read(path)
        best = max((_decode(data) for _ in range(RUNS)), key=lambda done: done[0] / done[1])
        routes, seconds = best
        yield {
            "capture": path.name,
            "routes": routes,
            "cpu_seconds": round(seconds, 3),
            "routes_per_cpu_second": round(routes / seconds),
        }


def _read(path: Path) -> bytes:
    with open_capture(str(path)) as capture:
        return b"".join(capture.chunks())


def _decode(data: bytes) -> tuple[int, float]:
    decoder = StreamDecoder()
    routes = 0
    started = time.process_time()
    for start in range(0, len(data), READ_BYTES):
        for message in decoder.feed(data[start : start + READ_BYTES]):
            if type(message) is RouteMonitoring:
                update = message.update
                routes += sum(len(one.nlri) for one in (*update.announced, *update.withdrawn))
    return routes, time.process_time() - started
