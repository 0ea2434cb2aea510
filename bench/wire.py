"""How fast the decoder is, plain and compiled, beside pmacct's; and whether its memory grows.

Every station gets the same octets over TCP, one after the other, and is asked for its CPU time.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import pmbmpd
from bench.captures import streams
from bench.compiled import copied, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

Figure = dict[str, Any]

RUNS = 3
TIMES_OVER = 4


def run() -> Iterator[Figure]:
    """Routes per CPU second of every station over each stream, then memory over a longer one."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        decoders = {}
        for kind in ("plain", "compiled"):
            copy = copied(directory, compiled=kind == "compiled")
            if isinstance(copy, str):
                yield {"station": kind, "skipped": copy}
            else:
                decoders[kind] = copy
        for stream in streams(directory):
            yield from _compare(stream, decoders, directory)


def _compare(stream: Path, decoders: dict[str, Path], directory: Path) -> Iterator[Figure]:
    routes = 0
    for kind, copy in decoders.items():
        runs = [_decode(copy, stream) for _ in range(RUNS)]
        best = min(runs, key=lambda run: float(run["cpu_seconds"]))
        routes = best["routes"]
        yield _figure(stream, kind, "none", routes, best["cpu_seconds"], best["peak_rss_mb"])
        longer = _decode(copy, stream, times=TIMES_OVER)
        yield {
            "stream": stream.name,
            "station": kind,
            "peak_rss_mb": best["peak_rss_mb"],
            f"peak_rss_mb_{TIMES_OVER}_times_over": longer["peak_rss_mb"],
        }
    yield from _compare_with_pmbmpd(stream, "none", routes, directory)
    for kind, copy in decoders.items():
        done = _decode(copy, stream, "json")
        yield _figure(stream, kind, "json", routes, done["cpu_seconds"], done["peak_rss_mb"])
    yield from _compare_with_pmbmpd(stream, "json", routes, directory)


def _compare_with_pmbmpd(
    stream: Path, output: str, routes: int, directory: Path
) -> Iterator[Figure]:
    if pmbmpd.PROGRAM is None:
        reason = "pmbmpd is not installed (Debian package pmacct)"
        yield {"stream": stream.name, "station": "pmbmpd", "output": output, "skipped": reason}
        return
    used = pmbmpd.measure(directory, stream, log=output == "json")
    yield _figure(stream, "pmbmpd", output, routes, used.cpu_seconds, used.peak_rss_mb)


def _figure(
    stream: Path, station: str, output: str, routes: int, seconds: float, memory: int
) -> Figure:
    return {
        "stream": stream.name,
        "station": station,
        "output": output,
        "routes": routes,
        "cpu_seconds": round(seconds, 3),
        "routes_per_cpu_second": round(routes / seconds),
        "peak_rss_mb": memory,
    }


def _decode(copy: Path, stream: Path, *arguments: str, times: int = 1) -> Figure:
    command = [sys.executable, "-m", "bench.station", *arguments]
    with subprocess.Popen(
        command, cwd=copy, env=environment(copy), stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        pmbmpd.play(socket.create_connection(("127.0.0.1", port)), stream, times)
        figures: Figure = json.loads(child.stdout.readline())
    assert figures["compiled"] == (copy.name == "compiled")
    return figures
