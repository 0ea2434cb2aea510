"""BMP in packet captures: every container and link layer, and whatever TCP does to the order."""

from __future__ import annotations

import gzip
import random
import struct
from typing import TYPE_CHECKING, Any

import pytest

from services.ingest.decode import Decoding
from services.ingest.wire import Initiation
from tests.ingest.pcap import building as b
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import messages

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUTES = [o.announcement(o.MANDATORY, f"198.51.{n}.0/24") for n in range(100)]
STREAM = b"".join([o.bmp(o.INITIATION, o.tlv(2, b"edge1")), o.peer_up(), *ROUTES])
WHOLE = len(ROUTES) + 2
IPV6: dict[str, Any] = {"source": "2001:db8::1", "target": "2001:db8::2"}


def decoded(capture: bytes, port: int | None = None) -> tuple[dict[str | None, int], list[str]]:
    """How many messages each connection gave, and the notes."""
    decoding = Decoding([capture], port=port)
    counts: dict[str | None, int] = {}
    for batch in decoding.batches():
        counts[batch.connection] = counts.get(batch.connection, 0) + len(list(batch.messages))
    return counts, decoding.notes


def capture_of(segments: Sequence[b.Tcp]) -> bytes:
    return b.pcap(*(segment.ip() for segment in segments))


LABEL = "192.0.2.1:40000 > 192.0.2.254:11019"
ALL_OF_IT = ({LABEL: WHOLE}, [])


@pytest.mark.parametrize("ends", [{}, IPV6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("link", [b.NULL, b.ETHERNET, b.RAW, b.LOOP, b.COOKED, b.COOKED_2])
@pytest.mark.parametrize("container", [b.pcap, b.pcapng])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_connection_is_read_from_every_container_and_link(
    container: Any, link: int, order: str, ends: dict[str, Any]
) -> None:
    frames = [b.framed(link, one.ip()) for one in b.conversation(STREAM, **ends)]
    counts, notes = decoded(container(*frames, link=link, order=order))
    assert (list(counts.values()), notes) == ([WHOLE], [])


def test_ipv6_endpoints_are_shown_in_brackets() -> None:
    counts, _ = decoded(capture_of(b.conversation(STREAM, **IPV6)))
    assert list(counts) == ["[2001:db8::1]:40000 > [2001:db8::2]:11019"]


@pytest.mark.parametrize(
    "tags", [b"\x81\x00\x00\x07", b"\x88\xa8\x00\x01\x81\x00\x00\x07"], ids=["802.1q", "802.1ad"]
)
def test_vlan_tags_are_passed_by(tags: bytes) -> None:
    frames = [b.ethernet(one.ip(), tags) for one in b.conversation(STREAM)]
    assert decoded(b.pcap(*frames, link=b.ETHERNET)) == ALL_OF_IT


@pytest.mark.parametrize(("magic", "spare"), [(0xA1B23C4D, 0), (0xA1B2CD34, 8)])
def test_the_other_forms_of_pcap_are_read(magic: int, spare: int) -> None:
    out = struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 65535, b.RAW)
    for one in b.conversation(STREAM):
        packet = one.ip()
        out += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + bytes(spare) + packet
    assert decoded(out) == ALL_OF_IT


def test_ipv6_extension_headers_are_passed_by() -> None:
    options = bytes((43, 0)) + bytes(6)  # hop-by-hop, then routing, then an atomic fragment
    routing = bytes((44, 0)) + bytes(6)
    atomic = bytes((6, 0)) + bytes(6)
    packets = [
        one.ip(extensions=options + routing + atomic, first=0)
        for one in b.conversation(STREAM, **IPV6)
    ]
    counts, notes = decoded(b.pcap(*packets))
    assert (list(counts.values()), notes) == ([WHOLE], [])


def test_segments_in_any_order_give_the_stream() -> None:
    first, *segments = b.conversation(STREAM)
    pick = random.Random(9293)  # noqa: S311 - order, no secrets
    for _ in range(20):
        pick.shuffle(segments)
        assert decoded(capture_of([first, *segments])) == ALL_OF_IT


def test_segments_that_come_again_and_overlap_are_taken_once() -> None:
    pick = random.Random(793)  # noqa: S311 - order, no secrets
    for _ in range(20):
        first, *sent = b.conversation(STREAM)
        again = []
        for _ in range(60):
            at = pick.randrange(len(STREAM))
            again.append(b.Tcp(first.sequence + 1 + at, STREAM[at : at + pick.randrange(400)]))
        every = sent + again
        pick.shuffle(every)
        assert decoded(capture_of([first, *every])) == ALL_OF_IT


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("times", [1, 2])
def test_a_syn_with_data_counts_as_an_octet_unless_what_follows_says_otherwise(
    counted: int, times: int
) -> None:
    start = 2**32 - 20
    segments = [
        *[b.Tcp(start, STREAM[:50], b.SYN)] * times,
        b.Tcp(start + counted + 50, STREAM[50:90]),
        b.Tcp(start + counted + 90, STREAM[90:]),
    ]
    assert decoded(capture_of(segments)) == ALL_OF_IT


def test_connections_that_a_script_wrote_one_after_the_other_are_told_apart() -> None:
    segments = [b.Tcp(1, STREAM[:50], b.SYN), b.Tcp(51, STREAM[50:])]
    counts, notes = decoded(capture_of(segments * 3))
    assert counts == {LABEL: WHOLE, f"{LABEL} (2)": WHOLE, f"{LABEL} (3)": WHOLE}
    assert notes == []


def test_labels_are_passed_by() -> None:
    stack = bytes.fromhex("000640ff 000651ff")
    frames = [bytes(12) + b"\x88\x47" + stack + one.ip() for one in b.conversation(STREAM, **IPV6)]
    counts, notes = decoded(b.pcap(*frames, link=b.ETHERNET))
    assert (list(counts.values()), notes) == ([WHOLE], [])


def test_connections_are_told_apart_and_have_their_own_decoders() -> None:
    with_path_ids = o.peer_up(o.open_message(o.add_path({0x0101: 3})), o.open_message())
    one = b.conversation(STREAM, source_port=1)
    two = b.conversation(with_path_ids + STREAM, source_port=2)
    mixed = [segment for pair in zip(one, two, strict=False) for segment in pair]
    mixed += two[len(one) :]
    counts, notes = decoded(capture_of(mixed))
    assert counts == {
        "192.0.2.1:1 > 192.0.2.254:11019": WHOLE,
        "192.0.2.1:2 > 192.0.2.254:11019": WHOLE + 1,
    }
    assert notes == []


def test_the_same_ports_used_again_are_another_connection() -> None:
    segments = b.conversation(STREAM) + b.conversation(STREAM[:-3], start=99)
    counts, notes = decoded(capture_of(segments))
    assert counts == {LABEL: WHOLE, f"{LABEL} (2)": WHOLE - 1}
    assert [note.partition(": ")[0] for note in notes] == [f"{LABEL} (2)"]
    assert "ends inside a message" in notes[0]


def test_the_station_may_be_the_one_that_connects() -> None:
    segments = b.conversation(STREAM, source_port=11019, target_port=50000)
    counts, _ = decoded(capture_of(segments))
    assert list(counts.values()) == [WHOLE]


def test_a_missing_segment_is_a_gap_and_the_other_connection_goes_on() -> None:
    broken = b.conversation(STREAM, source_port=1)
    del broken[3]
    counts, notes = decoded(capture_of(broken + b.conversation(STREAM, source_port=2)))
    assert counts["192.0.2.1:2 > 192.0.2.254:11019"] == WHOLE
    assert counts["192.0.2.1:1 > 192.0.2.254:11019"] == len(messages(STREAM[:200]))
    (note,) = notes
    assert note.startswith("192.0.2.1:1 > 192.0.2.254:11019: 100 octets after octet 200 ")
    assert note.endswith("missing in the capture; what follows them is not decoded")


def test_a_gap_is_not_waited_at_for_ever() -> None:
    far = b.conversation(STREAM * 2000, size=60_000)
    del far[1]
    _, notes = decoded(capture_of(far))
    assert "60000 octets after octet 0" in notes[0]


def test_packets_cut_by_the_snap_length_are_said_to_be() -> None:
    capture = b.pcap(*(one.ip() for one in b.conversation(STREAM)), snaplen=120)
    counts, notes = decoded(capture)
    assert counts[LABEL] < WHOLE
    assert "octets after octet 72 of the connection are missing" in notes[0]
    assert "packets were captured in part; capture with -s 0" in notes[1]


def test_fragments_are_refused_and_counted() -> None:
    frames = [one.ip() for one in b.conversation(STREAM)]
    more = [b.Tcp(1, b"x").ip(fragment=flags) for flags in (0x2000, 0x00B9)]
    fragment = struct.pack(">BBHI", 6, 0, 8, 1)
    more.append(b.Tcp(1, b"x", **IPV6).ip(extensions=fragment, first=44))
    counts, notes = decoded(b.pcap(*frames, *more))
    assert counts == {LABEL: WHOLE}
    assert notes == [
        "2 IPv4 fragments: none are put together here",
        "1 IPv6 fragments: none are put together here",
    ]


def test_a_capture_that_starts_inside_a_connection_is_read_if_it_can_be() -> None:
    _, *segments = b.conversation(STREAM)
    assert decoded(capture_of(segments)) == ALL_OF_IT
    counts, notes = decoded(capture_of(segments[1:]))
    assert sum(counts.values()) == 0
    assert notes[0].endswith("the capture starts inside the connection")


def test_bmp_on_another_port_is_found_by_its_first_octets() -> None:
    bmp = b.conversation(STREAM, target_port=5000)
    web = b.conversation(b"GET / HTTP/1.1\r\n\r\n", target_port=80)
    counts, notes = decoded(capture_of(web + bmp))
    assert (list(counts), notes) == (["192.0.2.1:40000 > 192.0.2.254:5000"], [])


def test_only_the_port_that_is_asked_for_is_read() -> None:
    segments = b.conversation(STREAM) + b.conversation(STREAM, target_port=5000)
    counts, _ = decoded(capture_of(segments), port=5000)
    assert list(counts) == ["192.0.2.1:40000 > 192.0.2.254:5000"]
    counts, notes = decoded(capture_of(segments), port=179)
    assert counts == {}
    assert notes == [
        "no TCP connection with port 179; those that are there use port 11019, 5000 (--port)"
    ]


def test_a_stream_that_is_no_bmp_is_noted_and_the_others_go_on() -> None:
    bad = b.conversation(b"\4\0\0\0\6\0" + STREAM, source_port=1)
    decoding = Decoding([capture_of(bad + b.conversation(STREAM))])
    assert sum(len(list(batch.messages)) for batch in decoding.batches()) == WHOLE
    assert not decoding.is_whole
    assert "BMP version 4 is not spoken here" in decoding.notes[0]


def test_other_traffic_is_nothing() -> None:
    counts, notes = decoded(b.pcap(bytes(60), b"\x60" + bytes(50), link=b.RAW))
    assert counts == {}
    assert notes == ["no TCP connection with port 11019, and none speaks BMP; there is none at all"]


def test_an_unknown_link_type_is_named() -> None:
    _, notes = decoded(b.pcap(bytes(60), link=195))
    assert notes[0] == "1 packets of link type 195, which is not read here"


def test_a_file_that_ends_inside_a_packet_gives_what_it_holds() -> None:
    capture = capture_of(b.conversation(STREAM))
    counts, notes = decoded(capture[:-90])
    assert counts == {LABEL: WHOLE - 1}
    assert notes[-1] == "the file ends inside a packet"


def test_every_block_of_pcapng_is_read_or_passed_by() -> None:
    packets = [one.ip() for one in b.conversation(STREAM)]
    simple = [b.block(3, struct.pack("<I", len(p)) + p) for p in packets[:5]]
    old = [b.block(2, struct.pack("<HHIIII", 1, 0, 0, 0, len(p), len(p)) + p) for p in packets[5:9]]
    rest = [b.enhanced(b.ethernet(p), 0, ">") for p in packets[9:]]
    capture = b"".join(
        (
            b.section(),
            b.interface(snaplen=65535),
            b.block(4, b"names"),
            b.interface(),
            *simple,
            b.block(0x80000BAD, b"private"),
            *old,
            b.section(">"),
            b.interface(b.ETHERNET, ">"),
            *rest,
        )
    )
    assert decoded(capture) == ALL_OF_IT


def test_a_segmentation_offload_leaves_the_ip_length_zero() -> None:
    packets = [bytearray(one.ip()) for one in b.conversation(STREAM, size=3000)]
    for packet in packets:
        packet[2:4] = b"\0\0"
    assert decoded(b.pcap(*map(bytes, packets))) == ALL_OF_IT


def test_a_compressed_capture_comes_in_any_chunks() -> None:
    capture = capture_of(b.conversation(STREAM))
    assert gzip.decompress(gzip.compress(capture)) == capture
    decoding = Decoding(capture[i : i + 1] for i in range(len(capture)))
    found = [message for batch in decoding.batches() for message in batch.messages]
    assert len(found) == WHOLE
    assert isinstance(found[0], Initiation)
