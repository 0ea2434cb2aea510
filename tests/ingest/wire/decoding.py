"""Shorthands for feeding a decoder and looking at what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.ingest.captures import open_capture
from services.ingest.describe import describe
from services.ingest.wire import MalformedMessage, RouteMonitoring, StreamDecoder, prefix_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.ingest.wire import AnyMessage, NlriSet, Update

DATA = Path(__file__).parents[4] / "shared" / "data" / "bmp"


def messages(*chunks: bytes, decoder: StreamDecoder | None = None) -> list[AnyMessage]:
    decoder = decoder or StreamDecoder()
    return [message for chunk in chunks for message in decoder.feed(chunk)]


def message(octets: bytes, decoder: StreamDecoder | None = None) -> Any:
    (found,) = messages(octets, decoder=decoder)
    return found


def update_of(octets: bytes, decoder: StreamDecoder | None = None) -> Update:
    found = message(octets, decoder)
    assert isinstance(found, RouteMonitoring), str(getattr(found, "error", found))
    return found.update


def error_of(octets: bytes) -> str:
    found = message(octets)
    assert isinstance(found, MalformedMessage)
    return str(found.error)


def texts(routes: Iterable[NlriSet]) -> list[str]:
    return [prefix_text(found.family, nlri) for found in routes for nlri in found.nlri]


def described(*chunks: bytes) -> list[dict[str, object]]:
    return [describe(found) for found in messages(*chunks)]


def real_capture(name: str) -> bytes:
    """The octets of a router's capture; the test is skipped where the data is not at hand."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no capture {name} in ../shared/data/bmp beside this repository")
    with open_capture(str(path)) as capture:
        return b"".join(capture.chunks())
