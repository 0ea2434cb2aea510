"""`bgpilot decode`: JSON for people and scripts, whatever the capture holds."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.ingest.commands import decode
from services.ingest.decode import Decoding, write_messages, write_summary
from services.ingest.wire import IPV6_UNICAST
from shared.errors import UserError
from tests.ingest.pcap import building as b
from tests.ingest.wire import octets as o

INITIATION = o.bmp(o.INITIATION, o.tlv(1, b"a router") + o.tlv(2, b"edge1"))
MALFORMED = o.route_monitoring(o.bgp(2, b"\0\x09\0\0"))
REACH = o.mp_reach(IPV6_UNICAST, bytes(16), o.prefixes("2001:db8::/32"))
STREAM = b"".join(
    (
        INITIATION,
        o.peer_up(tlvs=o.tlv(3, b"blue")),
        o.announcement(o.MANDATORY + o.attribute(8, bytes.fromhex("fdfc0064"), 0xC0)),
        o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + REACH), o.peer(flags=0x40)),
        o.route_monitoring(o.update(withdrawn=o.prefixes("10.0.0.0/8")), trailing=b"\0\1\0\0"),
        o.route_monitoring(o.update(), o.peer(kind=3)),
        MALFORMED,
        o.bmp(o.STATISTICS, o.peer() + b"\0\0\0\1" + o.tlv(7, bytes(7) + b"\5")),
        o.bmp(o.PEER_DOWN, o.peer() + b"\1" + o.bgp(3, b"\6\2")),
        o.bmp(o.MIRRORING, o.peer() + o.tlv(1, b"\0\0")),
        o.bmp(100, b"\xab"),
        o.bmp(o.TERMINATION, o.tlv(1, b"\0\0")),
    )
)


def lines(*chunks: bytes) -> list[dict[str, Any]]:
    out: list[bytes] = []
    write_messages(Decoding(chunks), out.append)
    return [json.loads(line) for line in b"".join(out).splitlines()]


def test_every_message_is_one_line_in_rfc_words() -> None:
    assert [line["type"] for line in lines(STREAM)] == [
        "initiation",
        "peer up",
        "route monitoring",
        "route monitoring",
        "route monitoring",
        "route monitoring",
        "route monitoring",
        "statistics report",
        "peer down",
        "route mirroring",
        "type 100",
        "termination",
    ]


def test_a_route_is_shown_with_its_attributes() -> None:
    found = lines(STREAM)[2]
    assert found["peer"]["view"] == "adj_in_pre"
    assert found["peer"]["address"] == o.PEER
    assert found["announced"] == [
        {"family": "ipv4_unicast", "routes": [{"prefix": "198.51.100.0/24"}]}
    ]
    assert found["attributes"] == {
        "origin": "igp",
        "as_path": [65001, 174],
        "next_hop": "192.0.2.9",
        "communities": ["65020:100"],
    }


def test_a_malformed_message_is_shown_with_its_error_and_its_octets() -> None:
    found = lines(STREAM)[6]
    error = found["error"]
    assert error["text"].startswith("in route monitoring: in update: withdrawn routes run past")
    assert error["context"] == ["route monitoring", "update"]
    assert (error["section"], error["offset"]) == ("RFC 4271 6.3", 6 + 42 + 19)
    assert error["approach"] == "session reset"
    assert found["frame"] == MALFORMED.hex()


def test_a_long_malformed_message_shows_its_first_256_octets() -> None:
    (found,) = lines(o.route_monitoring(o.bgp(2, b"\xff" * 600)))
    assert len(bytes.fromhex(found["frame"])) == 256


def test_the_rest_of_the_messages_tell_what_they_hold() -> None:
    stats, down, mirrored, private, end = lines(STREAM)[7:]
    assert stats["stats"] == [{"type": 7, "name": "routes in the Adj-RIBs-In", "value": 5}]
    assert down["notification"]["name"] == "Cease / Administrative Shutdown"
    assert mirrored["information"] == ["errored PDU"]
    assert private["body"] == "ab"
    assert end["reason"] == "administratively closed"


def test_what_came_before_a_broken_header_is_still_printed() -> None:
    out: list[bytes] = []
    with pytest.raises(UserError, match=r"BMP version 4 .* configure version 3"):
        write_messages(Decoding([INITIATION + b"\4\0\0\0\6\0"]), out.append)
    assert len(out) == 1
    assert b"edge1" in out[0]


def test_a_stream_that_ends_inside_a_message_is_noted() -> None:
    whole, cut = Decoding([INITIATION]), Decoding([INITIATION[:-1]])
    for decoding in (whole, cut):
        write_messages(decoding, lambda _: None)
    assert whole.notes == []
    assert "ends inside a message" in cut.notes[0]


def test_the_summary_counts_everything() -> None:
    out: list[bytes] = []
    write_summary(Decoding([STREAM[:100], STREAM[100:]]), out.append)
    assert json.loads(b"".join(out)) == {
        "bytes": len(STREAM),
        "messages": 12,
        "by_type": {
            "Init": 1,
            "Mirror": 1,
            "PeerDown": 1,
            "PeerUp": 1,
            "RM": 5,
            "Stats": 1,
            "Term": 1,
            "type100": 1,
        },
        "announced": {"v4u": 1, "v6u": 1},
        "withdrawn": {"v4u": 1},
        "end_of_rib": {"v4u": 1},
        "route_monitoring_by_rib": {"in-post": 1, "in-pre": 3, "locrib": 1},
        "peer_header_type": {"global": 8, "locrib": 1},
        "route_monitoring_without_peer_up": 1,
        "route_monitoring_with_trailing_tlvs": 1,
        "add_path_nlri": 0,
        "add_path_disagrees_with_open": 0,
        "malformed_updates": 1,
        "initiation": ["a router", "edge1"],
    }


def run(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    program = "from shared.cli.main import main; main()"
    command = [sys.executable, "-c", program, "decode", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=False)


def test_the_command_reads_a_file_and_standard_input_alike(tmp_path: Path) -> None:
    path = tmp_path / "capture.bmp.gz"
    path.write_bytes(gzip.compress(STREAM))
    from_file = run(str(path))
    assert (from_file.returncode, from_file.stderr) == (0, b"")
    assert from_file.stdout == run("-", stdin=STREAM).stdout
    assert json.loads(run("--summary", str(path)).stdout)["messages"] == 12


def test_the_command_says_one_sentence_where_framing_is_broken() -> None:
    found = run("-", stdin=INITIATION + b"\4\0\0\0\6\0")
    assert found.returncode == 1
    assert found.stdout.count(b"\n") == found.stderr.count(b"\n") == 1
    assert found.stderr.startswith(b"bgpilot: BMP version 4 is not spoken here")


def packet_capture(stream: bytes) -> bytes:
    return b.pcap(*(segment.ip() for segment in b.conversation(stream)))


def test_the_command_reads_a_packet_capture_from_a_file_and_from_standard_input(
    tmp_path: Path,
) -> None:
    path = tmp_path / "capture.pcap.gz"
    path.write_bytes(gzip.compress(packet_capture(STREAM)))
    found = run(str(path))
    assert (found.returncode, found.stderr) == (0, b"")
    assert found.stdout == run("-", stdin=packet_capture(STREAM)).stdout
    label = "192.0.2.1:40000 > 192.0.2.254:11019"
    assert [json.loads(line) for line in found.stdout.splitlines()] == [
        {"connection": label} | line for line in lines(STREAM)
    ]
    assert run("--summary", str(path)).stdout == run("--summary", "-", stdin=STREAM).stdout


def test_the_command_fails_where_a_connection_of_a_packet_capture_cannot_be_followed() -> None:
    found = run("-", stdin=packet_capture(INITIATION + b"\4\0\0\0\6\0"))
    assert found.returncode == 1
    assert found.stdout.count(b"\n") == 1
    assert found.stderr.startswith(b"bgpilot: 192.0.2.1:40000 > 192.0.2.254:11019: BMP version 4")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--peer", "router1"), "router1 is no address and no AS number"),
        (("--prefix", "10.0.0.1/8"), "10.0.0.1/8 has host bits set"),
        (("--type", "update"), "update is none of route monitoring, statistics report"),
    ],
)
def test_a_filter_that_means_nothing_is_named(arguments: tuple[str, str], sentence: str) -> None:
    found = run(*arguments, "-", stdin=b"")
    assert found.returncode == 2
    assert sentence in found.stderr.decode()


def test_the_command_shows_what_its_filters_want() -> None:
    found = run("--peer", "AS65001", "--type", "route-monitoring", "--errors", "-", stdin=STREAM)
    (line,) = found.stdout.splitlines()
    assert json.loads(line)["frame"] == MALFORMED.hex()


def test_the_command_bears_a_reader_that_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "long.bmp"
    path.write_bytes(STREAM * 2000)
    program = "from shared.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "decode", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_every_option_is_documented() -> None:
    document = (Path(__file__).parents[2] / "docs" / "decode.md").read_text()
    for parameter in decode.params:
        for option in parameter.opts:
            assert (
                not option.startswith("--") or f"`{option}" in document or f" {option}" in document
            )
