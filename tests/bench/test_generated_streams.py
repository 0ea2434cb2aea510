"""The streams that stand in for captures: what their shape says, and nothing wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.generated import Shape, write
from services.ingest.summary import Summary
from services.ingest.wire import StreamDecoder

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = Shape("small.bmp", peers=2, ipv4=3000, ipv6=500, per_update=5.0)


def test_a_generated_stream_holds_the_routes_of_its_shape(tmp_path: Path) -> None:
    decoder, summary = StreamDecoder(), Summary()
    for message in decoder.feed(write(SHAPE, tmp_path).read_bytes()):
        summary.add(message, decoder)
    found = summary.as_json()
    assert found["announced"] == {"v4u": 6000, "v6u": 1000}
    assert found["malformed_updates"] == found["route_monitoring_without_peer_up"] == 0
    assert 4 < 7000 / found["by_type"]["RM"] < 6  # type: ignore[index]


def test_a_generated_stream_is_the_same_every_time(tmp_path: Path) -> None:
    assert write(SHAPE, tmp_path).read_bytes() == write(SHAPE, tmp_path).read_bytes()
