"""No file whatever gives anything but messages, notes, or one clear sentence."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decode import Decoding
from shared.errors import UserError
from tests.ingest.pcap import building as b
from tests.ingest.wire import octets as o

STREAM = o.bmp(o.INITIATION, o.tlv(2, b"edge1")) + o.announcement()
PACKETS = [segment.ip() for segment in b.conversation(STREAM, size=40)]
SAMPLES = {
    "pcap": b.pcap(*PACKETS[:3]),
    "pcapng": b.pcapng(*PACKETS[:3]),
    "ethernet": b.pcap(b.ethernet(PACKETS[1], b"\x81\x00\x00\x07"), link=b.ETHERNET),
    "ipv6": b.pcap(
        b.Tcp(1, STREAM, source="2001:db8::1", target="2001:db8::2").ip(
            extensions=bytes((6, 0)) + bytes(6), first=60
        )
    ),
}
MAGICS = st.sampled_from([b.pcap()[:4], b.pcap(order=">")[:4], b.section()[:4]])


def look_at(data: bytes) -> None:
    decoding = Decoding([data])
    with suppress(UserError):
        for batch in decoding.batches():
            for _ in batch.messages:
                pass


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_file_may_end_anywhere(kind: str) -> None:
    for length in range(len(SAMPLES[kind])):
        look_at(SAMPLES[kind][:length])


@pytest.mark.parametrize("kind", SAMPLES)
def test_any_octet_of_a_file_may_be_damaged(kind: str) -> None:
    sample = SAMPLES[kind]
    for place in range(len(sample)):
        for value in (0, 1, 0x28, 0x7F, 0x80, 0xFF, sample[place] ^ 4):
            look_at(sample[:place] + bytes((value,)) + sample[place + 1 :])


@given(MAGICS, st.binary(max_size=400))
def test_anything_may_follow_the_magic_number(magic: bytes, rest: bytes) -> None:
    look_at(magic + rest)


LINKS = st.sampled_from([0, 1, 101, 108, 113, 276])


@given(LINKS, st.lists(st.binary(max_size=120), max_size=5), st.booleans())
def test_any_packets_are_looked_at(link: int, frames: list[bytes], newer: bool) -> None:
    look_at((b.pcapng if newer else b.pcap)(*frames, link=link))


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=40)), max_size=20))
def test_any_sequence_numbers_are_borne(segments: list[tuple[int, bytes]]) -> None:
    look_at(b.pcap(*(b.Tcp(sequence, data).ip() for sequence, data in segments)))


@pytest.mark.parametrize(
    ("capture", "sentence"),
    [
        (b.pcap() + bytes(8) + b"\xff" * 8, "damaged: length 4294967295 at byte 40"),
        (b.section()[:8] + b"abcd", "damaged: no byte order at byte 12"),
        (b.section() + b.block(6, bytes(8)), "damaged: block before byte 48"),
        (b.section() + b.enhanced(b"x"), "damaged: packet before byte 64"),
        (b.section() + b"\6\0\0\0\4\0\0\0", "damaged: length 4 at byte 36"),
    ],
)
def test_damage_is_one_sentence_with_its_place(capture: bytes, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        list(Decoding([capture]).batches())
