"""What is said, and how often, of what routers get wrong."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.ingest.faults import Faults
from services.ingest.limits import Seldom
from services.ingest.wire import StreamDecoder
from tests.ingest.wire import octets as o

if TYPE_CHECKING:
    from collections.abc import Iterator

BAD_MED = o.announcement(o.MANDATORY + o.attribute(4, b"\0", 0x80), "198.51.100.0/24")
BAD_AGGREGATOR = o.announcement(o.MANDATORY + o.attribute(7, b"\0", 0xC0), "198.51.100.0/24")
NO_UPDATE = o.route_monitoring(o.bgp(4, b""))


class Clock:
    """Time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> Faults:
    return Faults(Seldom(60.0, clock=clock))


def note(faults: Faults, data: bytes, router: str = "198.51.100.1") -> list[dict[str, Any]]:
    decoder = StreamDecoder()
    with capture_logs() as logs:
        for message in decoder.feed(o.peer_up() + data):
            faults.note(router, message, partial(decoder.octets_of, message))
    return [dict(line) for line in logs]


def count(**labels: str) -> float:
    return REGISTRY.get_sample_value("bgpilot_ingest_malformed_total", labels) or 0.0


@pytest.fixture
def counted() -> Iterator[list[dict[str, str]]]:
    """The classes of error that a test counts one more of each."""
    classes: list[dict[str, str]] = [
        {
            "type": "route monitoring",
            "approach": "treat-as-withdraw",
            "attribute": "multi-exit-disc",
        },
        {"type": "route monitoring", "approach": "attribute discard", "attribute": "aggregator"},
        {"type": "route monitoring", "approach": "none", "attribute": "none"},
    ]
    before = [count(**one) for one in classes]
    yield classes
    assert [count(**one) for one in classes] == [number + 1 for number in before]


def test_every_class_of_error_is_counted(faults: Faults, counted: list[dict[str, str]]) -> None:
    note(faults, BAD_MED + BAD_AGGREGATOR + NO_UPDATE)
    assert len(counted) == 3


def test_a_message_that_cannot_be_read_is_told_with_its_octets(faults: Faults) -> None:
    (line,) = note(faults, NO_UPDATE)
    assert line == {
        "event": "malformed_message",
        "log_level": "error",
        "router": "198.51.100.1",
        "peer": o.PEER,
        "message_type": "route monitoring",
        "error": "in route monitoring: BGP type 4 is no UPDATE, at byte 66 (RFC 7854 4.6)",
        "offset": 66,
        "section": "RFC 7854 4.6",
        "approach": None,
        "attribute": None,
        "stream_offset": len(o.peer_up()),
        "data_hex": NO_UPDATE.hex(),
        "left_out": 0,
    }


def test_of_a_long_message_the_first_256_octets_are_told(faults: Faults) -> None:
    texts = [f"10.0.{number}.0/24" for number in range(200)]
    data = o.announcement(o.MANDATORY + o.attribute(4, b"\0", 0x80), *texts)
    (line,) = note(faults, data)
    assert bytes.fromhex(line["data_hex"]) == data[:256]


def test_of_one_kind_a_router_has_one_line_a_minute(faults: Faults, clock: Clock) -> None:
    assert len(note(faults, BAD_MED * 5)) == 1
    clock.now = 59.0
    assert note(faults, BAD_MED * 2) == []
    clock.now = 60.0
    (line,) = note(faults, BAD_MED)
    assert line["left_out"] == 6


def test_other_kinds_and_other_routers_have_lines_of_their_own(faults: Faults) -> None:
    assert len(note(faults, BAD_MED)) == 1
    assert len(note(faults, BAD_AGGREGATOR)) == 1
    assert len(note(faults, BAD_MED, router="198.51.100.2")) == 1


@pytest.mark.parametrize(
    ("data", "kind", "error"),
    [
        (
            o.bmp(2, o.peer() + b"\1" + o.bgp(4, b"")),
            "peer down",
            "in peer down: BGP type 4 is no NOTIFICATION",
        ),
        (
            o.bmp(1, o.peer() + b"\0\0\0\2"),
            "statistics report",
            "in statistics report: stats count is 2 and 0 follow",
        ),
        (
            o.bmp(6, o.peer() + o.tlv(0, o.bgp(9, b""))),
            "route mirroring",
            "in route mirroring: in bgp message: BGP type 9 is unknown",
        ),
        (
            o.bmp(3, o.peer() + bytes(16) + bytes(4) + o.bgp(4, b"") * 2),
            "peer up",
            "in peer up: in sent open: BGP type 4 is no OPEN",
        ),
    ],
    ids=["peer down", "statistics", "mirrored", "peer up"],
)
def test_errors_inside_messages_that_are_used_all_the_same_are_told(
    faults: Faults, data: bytes, kind: str, error: str
) -> None:
    (line,) = note(faults, data)
    assert line["message_type"] == kind
    assert line["error"].startswith(error)
