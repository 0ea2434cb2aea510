"""What the numbers of BMP and BGP mean: statistics, reasons, events, NOTIFICATIONs."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from services.ingest.wire import Notification, PeerDown, Termination
from services.ingest.wire.codes import fsm_event_name, notification_code_name
from services.ingest.wire.notification import describe_notification
from services.ingest.wire.statistics import read_statistic, statistic_name
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import described, message

FAMILY = "routes of an address family"


def notified(code: int, subcode: int, data: bytes = b"", reason: int = 3) -> PeerDown:
    body = bytes((reason,)) + o.bgp(3, bytes((code, subcode)) + data)
    found = message(o.bmp(o.PEER_DOWN, o.peer() + body))
    assert isinstance(found, PeerDown)
    return found


def counted(text: str) -> bytes:
    octets = text.encode()
    return bytes((len(octets),)) + octets


@pytest.mark.parametrize(
    ("code", "subcode", "data", "text"),
    [
        (1, 2, b"\0\x12", "Message Header Error / Bad Message Length"),
        (2, 7, b"", "OPEN Message Error / Unsupported Capability"),
        (2, 11, b"", "OPEN Message Error / Role Mismatch"),
        (2, 0, b"", "OPEN Message Error"),
        (3, 11, b"", "UPDATE Message Error / Malformed AS_PATH"),
        (4, 0, b"", "Hold Timer Expired"),
        (
            5,
            2,
            b"",
            "Finite State Machine Error / Receive Unexpected Message in OpenConfirm State",
        ),
        (6, 1, b"\0\2\1\0\0\0\x64", "Cease / Maximum Number of Prefixes Reached: ipv6_unicast 100"),
        (6, 1, b"\0\2", "Cease / Maximum Number of Prefixes Reached"),
        (6, 2, b"", "Cease / Administrative Shutdown"),
        (6, 2, counted("ab 20 Uhr ü"), "Cease / Administrative Shutdown: ab 20 Uhr ü"),
        (6, 4, counted("x" * 255), "Cease / Administrative Reset: " + "x" * 255),
        (6, 4, b"\0", "Cease / Administrative Reset"),
        (6, 2, b"\x09short", "Cease / Administrative Shutdown"),
        (6, 2, b"\2\xff\xfe", "Cease / Administrative Shutdown: \ufffd\ufffd"),
        (6, 3, counted("no text here"), "Cease / Peer De-configured"),
        (6, 9, b"\6\4" + counted("new"), "Cease / Hard Reset: Cease / Administrative Reset: new"),
        (6, 9, b"\6", "Cease / Hard Reset"),
        (6, 9, b"\6\x09" * 100, "Cease / Hard Reset"),
        (6, 10, b"", "Cease / BFD Down"),
        (7, 1, b"", "ROUTE-REFRESH Message Error / Invalid Message Length"),
        (8, 0, b"", "Send Hold Timer Expired"),
        (6, 77, b"", "Cease / subcode 77"),
        (99, 1, b"", "code 99 / subcode 1"),
    ],
)  # fmt: skip
def test_a_notification_tells_its_code_its_subcode_and_its_text(
    code: int, subcode: int, data: bytes, text: str
) -> None:
    """RFC 4271, 4486, 5492, 6608, 7313, 8538, 9003, 9234, 9384 and 9687."""
    found = notified(code, subcode, data)
    assert found.notification == Notification(code, subcode, data)
    assert found.notification is not None
    assert found.notification.text == text
    assert found.reason_text == f"remote system closed, NOTIFICATION received: {text}"
    assert found.closed_by == "remote"


def test_every_part_of_a_notification_is_shown() -> None:
    carried = Notification(6, 9, b"\6\2" + counted("bye"))
    assert describe_notification(carried) == {
        "code": 6,
        "subcode": 9,
        "name": "Cease / Hard Reset",
        "reset_by": {"code": 6, "subcode": 2, "name": "Cease / Administrative Shutdown"},
        "data": "060203627965",
    }
    shown = describe_notification(Notification(6, 1, b"\0\1\1\0\0\0\7"))
    assert shown["prefix_limit"] == {"family": "ipv4_unicast", "limit": 7}
    assert describe_notification(Notification(6, 2, counted("bye")))["communication"] == "bye"


@pytest.mark.parametrize(
    ("event", "name"),
    [(0, "no relevant event"), (2, "ManualStop"), (10, "HoldTimer_Expires"), (28, "UpdateMsgErr")],
)
def test_fsm_events_have_their_names(event: int, name: str) -> None:
    """RFC 4271 8.1."""
    assert fsm_event_name(event) == name
    (shown,) = described(o.bmp(o.PEER_DOWN, o.peer() + b"\2" + struct.pack(">H", event)))
    assert (shown["fsm_event"], shown["fsm_event_name"]) == (event, name)
    assert shown["closed_by"] == "local"


def test_a_number_that_no_rfc_has_shows_as_itself() -> None:
    assert fsm_event_name(29) == "event 29"
    assert notification_code_name(0) == "code 0"


def test_a_peer_down_of_a_loc_rib_names_its_table() -> None:
    """RFC 9069 5.3."""
    header = o.peer(kind=3)
    (shown,) = described(o.bmp(o.PEER_DOWN, header + b"\6" + o.tlv(3, b"blue") + o.tlv(9, b"x")))
    assert shown["table_name"] == "blue"
    assert shown["information"] == [{"type": 9, "name": "type 9", "value": "78"}]


@pytest.mark.parametrize(
    ("tlvs", "text"),
    [
        (o.tlv(1, b"\0\0"), "administratively closed"),
        (o.tlv(1, b"\0\4"), "permanently administratively closed"),
        (o.tlv(1, b"\0\2") + o.tlv(0, b"no memory"), "out of resources: no memory"),
        (o.tlv(0, b"bye"), "bye"),
        (o.tlv(1, b"\0\x63"), "reason 99"),
        (o.tlv(1, b"\0"), ""),
        (b"", ""),
    ],
)
def test_a_termination_tells_its_reason(tlvs: bytes, text: str) -> None:
    found = message(o.bmp(o.TERMINATION, tlvs))
    assert isinstance(found, Termination)
    assert found.reason_text == text


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (0, "prefixes rejected by inbound policy"),
        (13, "duplicate update messages received"),
        (17, "routes of an address family in the post-policy Adj-RIB-Out"),
        (18, "routes in the pre-policy Adj-RIB-In"),
        (
            27,
            f"{FAMILY} in the post-policy Adj-RIB-In or Loc-RIB stale by graceful restart",
        ),
        (
            35,
            f"{FAMILY} in the post-policy Adj-RIB-In whose origin validation state is invalid",
        ),
        (
            43,
            f"{FAMILY} in the post-policy Adj-RIB-Out whose origin validation state is not found",
        ),
        (44, "type 44"),
        (65531, "experimental 65531"),
        (65535, "type 65535"),
    ],
)
def test_statistics_have_their_names(kind: int, name: str) -> None:
    """RFC 7854 4.8, RFC 8671 6.2, RFC 9972 3."""
    assert statistic_name(kind) == name


@pytest.mark.parametrize("kind", [*range(45), 65531])
@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b"\0\0\0\5", 5),
        (b"\0" * 7 + b"\5", 5),
        (b"\0\2\1" + b"\0" * 7 + b"\5", (0x0201, 5)),
        (b"\0\x19\x46" + b"\xff" * 8, (0x1946, 2**64 - 1)),
        (b"\1\2\3", b"\1\2\3"),
        (b"", b""),
    ],
)
def test_a_statistic_is_kept_by_its_number_and_read_by_its_length(
    kind: int, octets: bytes, value: Any
) -> None:
    assert read_statistic(octets) == value
    found = message(o.bmp(o.STATISTICS, o.peer() + b"\0\0\0\1" + o.tlv(kind, octets)))
    assert found.stats == [(kind, value)]
