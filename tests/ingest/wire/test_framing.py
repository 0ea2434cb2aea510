"""The stream: messages are told apart by their length, and only a broken header ends it."""

from __future__ import annotations

import pytest

from services.ingest.wire import (
    FramingError,
    Initiation,
    MalformedMessage,
    StreamDecoder,
    UnknownMessage,
)
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import message, messages

INITIATION = o.bmp(o.INITIATION, o.tlv(2, b"edge1") + o.tlv(1, b"a router"))


def test_a_message_comes_out_when_its_last_octet_comes_in() -> None:
    decoder = StreamDecoder()
    for octet in INITIATION[:-1]:
        assert list(decoder.feed(bytes((octet,)))) == []
    (found,) = decoder.feed(INITIATION[-1:])
    assert isinstance(found, Initiation)
    assert (found.offset, found.length) == (0, len(INITIATION))


def test_offsets_run_on_over_chunks() -> None:
    found = messages(INITIATION + INITIATION[:9], INITIATION[9:] + INITIATION)
    assert [m.offset for m in found] == [0, len(INITIATION), 2 * len(INITIATION)]


def test_messages_left_untaken_come_first_the_next_time() -> None:
    decoder = StreamDecoder()
    first = next(iter(decoder.feed(INITIATION * 2)))
    rest = list(decoder.feed(INITIATION))
    assert [first.offset, *(m.offset for m in rest)] == [i * len(INITIATION) for i in range(3)]


def test_a_stream_that_ends_between_messages_ends_well() -> None:
    decoder = StreamDecoder()
    assert len(list(decoder.feed(INITIATION))) == 1
    assert decoder.close() is None


def test_a_stream_that_ends_inside_a_message_says_so() -> None:
    decoder = StreamDecoder()
    assert len(list(decoder.feed(INITIATION + INITIATION[:7]))) == 1
    error = decoder.close()
    assert error is not None
    assert error.offset == len(INITIATION)
    assert "ends inside a message, after 7 octets" in str(error)


@pytest.mark.parametrize("version", [0, 1, 2, 4, 255])
def test_another_version_is_refused_with_what_to_configure(version: int) -> None:
    decoder = StreamDecoder()
    with pytest.raises(FramingError, match=f"BMP version {version} .* configure version 3"):
        list(decoder.feed(o.bmp(o.INITIATION, b"", version=version)))


@pytest.mark.parametrize("length", [0, 5, 1_048_577, 0xFFFFFFFF])
def test_an_impossible_length_is_refused_before_anything_is_kept(length: int) -> None:
    decoder = StreamDecoder()
    with pytest.raises(FramingError, match=f"message length {length} is"):
        list(decoder.feed(b"\3" + length.to_bytes(4, "big") + b"\0"))


def test_the_messages_before_a_broken_header_are_delivered() -> None:
    decoder = StreamDecoder()
    stream = decoder.feed(INITIATION + b"\4\0\0\0\6\0")
    assert isinstance(next(stream), Initiation)
    with pytest.raises(FramingError) as caught:
        next(stream)
    assert caught.value.offset == len(INITIATION)


def test_after_a_broken_header_nothing_is_decoded_any_more() -> None:
    decoder = StreamDecoder()
    with pytest.raises(FramingError):
        list(decoder.feed(b"\4\0\0\0\6\0"))
    with pytest.raises(FramingError):
        list(decoder.feed(INITIATION))
    assert isinstance(decoder.close(), FramingError)


def test_the_longest_message_allowed_is_decoded() -> None:
    frame = o.bmp(100, bytes(58))
    assert len(messages(frame, decoder=StreamDecoder(max_message=64))) == 1
    with pytest.raises(FramingError, match="above 63"):
        messages(frame, decoder=StreamDecoder(max_message=63))


def test_a_private_message_type_is_skipped_by_its_length() -> None:
    """Huawei VRP sends type 100."""
    private, initiation = messages(o.bmp(100, b"\1\2\3") + INITIATION)
    assert isinstance(private, UnknownMessage)
    assert (private.type, private.body) == (100, b"\1\2\3")
    assert isinstance(initiation, Initiation)


def test_a_malformed_message_is_an_event_and_the_stream_goes_on() -> None:
    broken = o.bmp(o.INITIATION, b"\0\2\0\xff")
    found, after = messages(broken + INITIATION)
    assert isinstance(found, MalformedMessage)
    assert found.frame == broken
    assert found.peer is None
    assert isinstance(after, Initiation)


def test_a_malformed_message_names_its_peer_where_that_could_be_read() -> None:
    found = message(o.bmp(o.ROUTE_MONITORING, o.peer() + b"\0"))
    assert isinstance(found, MalformedMessage)
    assert found.peer is not None
    assert found.peer.address_text == o.PEER


def test_an_error_says_where_it_is_and_inside_what() -> None:
    path = o.attribute(2, b"\2\3" + bytes(4))
    found = message(o.announcement(o.ORIGIN + path + o.NEXT_HOP))
    (error,) = found.update.errors
    assert str(error) == (
        "in route monitoring: in update: in as-path: segment runs past the attribute, "
        "at byte 78 (RFC 7606 7.2)"
    )


def test_a_message_without_room_for_its_peer_is_malformed() -> None:
    found = message(o.bmp(o.PEER_DOWN, bytes(41)))
    assert isinstance(found, MalformedMessage)
    assert "per-peer header runs past the message" in str(found.error)
