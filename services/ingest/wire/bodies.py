"""The bodies of every BMP message but Route Monitoring and Route Mirroring.

A reader takes the buffer, where the body starts and ends (after the per-peer header where there
is one) and that header. It returns a message or raises WireError; offsets count from the first
octet of `buf`.
"""

from struct import Struct

from services.ingest.wire.bgp_open import (
    HEADER_SIZE,
    NOTIFICATION,
    OPEN,
    Open,
    bgp_header,
    decode_open,
    read_notification,
)
from services.ingest.wire.codes import PEER_DOWN_REASONS, TERMINATION_REASONS, fsm_event_name
from services.ingest.wire.errors import WireError
from services.ingest.wire.messages import (
    Initiation,
    PeerDown,
    PeerUp,
    StatisticsReport,
    Termination,
    Tlv,
)
from services.ingest.wire.notification import Notification
from services.ingest.wire.peer import FLAG_V, LOC_RIB_PEER, PeerHeader
from services.ingest.wire.statistics import StatValue, read_statistic
from services.ingest.wire.text import free_text

INFORMATION_STRING = 0
INFORMATION_SYS_DESCR = 1
INFORMATION_SYS_NAME = 2
INFORMATION_TABLE_NAME = 3  # RFC 9069 5.2.1, RFC 9736 4

_PEER_UP = Struct(">16sHH")
_HEAD = Struct(">HH")


def read_tlvs(buf: bytes, pos: int, end: int) -> tuple[Tlv, ...]:
    """Information TLVs (RFC 7854 4.4): two octets of type, two of length, the value."""
    out: list[Tlv] = []
    while pos < end:
        if end - pos < 4:
            raise WireError("TLV header runs past the message", pos, (), "RFC 7854 4.4")
        kind, length = _HEAD.unpack_from(buf, pos)
        after = pos + 4 + length
        if after > end:
            reason = f"TLV {kind} of {length} octets runs past the message"
            raise WireError(reason, pos, (), "RFC 7854 4.4")
        out.append((kind, buf[pos + 4 : after]))
        pos = after
    return tuple(out)


def _text_of(tlvs: tuple[Tlv, ...], wanted: int) -> str | None:
    """The first TLV of a kind as text, None where there is none."""
    for kind, value in tlvs:
        if kind == wanted:
            return free_text(value)
    return None


def read_initiation(buf: bytes, pos: int, end: int) -> Initiation:
    tlvs = read_tlvs(buf, pos, end)
    return Initiation(
        tlvs, _text_of(tlvs, INFORMATION_SYS_NAME), _text_of(tlvs, INFORMATION_SYS_DESCR)
    )


def read_termination(buf: bytes, pos: int, end: int) -> Termination:
    """RFC 7854 4.5: type 0 is a string, type 1 a reason code of two octets."""
    tlvs = read_tlvs(buf, pos, end)
    codes = [int.from_bytes(value, "big") for kind, value in tlvs if kind == 1 and len(value) == 2]
    reason = codes[0] if codes else None
    words = [] if reason is None else [TERMINATION_REASONS.get(reason, f"reason {reason}")]
    words += [free_text(value) for kind, value in tlvs if kind == INFORMATION_STRING]
    return Termination(reason, ": ".join(words), tlvs)


def read_peer_up(buf: bytes, pos: int, end: int, peer: PeerHeader) -> PeerUp:
    if end - pos < _PEER_UP.size:
        raise WireError("addresses and ports run past the message", pos, (), "RFC 7854 4.10")
    address, local_port, remote_port = _PEER_UP.unpack_from(buf, pos)
    if peer.peer_type == LOC_RIB_PEER or not peer.flags & FLAG_V:
        address = address[12:]
    out = PeerUp(peer, address, local_port, remote_port)
    try:
        _read_opens(out, buf, pos + _PEER_UP.size, end)
    except WireError as error:
        out.error = out.error or error
    return out


def _read_opens(out: PeerUp, buf: bytes, pos: int, end: int) -> None:
    """Sent OPEN, received OPEN, TLVs. An OPEN that cannot be read leaves the rest readable."""
    out.sent_open, pos = _read_open(out, "sent open", buf, pos, end)
    out.received_open, pos = _read_open(out, "received open", buf, pos, end)
    out.tlvs = read_tlvs(buf, pos, end)
    out.table_name = _text_of(out.tlvs, INFORMATION_TABLE_NAME)


def _read_open(out: PeerUp, part: str, buf: bytes, pos: int, end: int) -> tuple[Open | None, int]:
    """The OPEN at `pos` and where it ends; raises only where that place cannot be found."""
    try:
        kind, after = bgp_header(buf, pos, end)
    except WireError as error:
        raise error.within(part) from None
    if kind != OPEN:
        reason = f"BGP type {kind} is no OPEN"
        out.error = out.error or WireError(reason, pos + 18, (part,), "RFC 7854 4.10")
        return None, after
    try:
        return decode_open(buf, pos + HEADER_SIZE, after), after
    except WireError as error:
        out.error = out.error or error.within(part)
        return None, after


def read_peer_down(buf: bytes, pos: int, end: int, peer: PeerHeader) -> PeerDown:
    if pos == end:
        raise WireError("reason runs past the message", pos, (), "RFC 7854 4.9")
    reason = buf[pos]
    out = PeerDown(peer, reason, PEER_DOWN_REASONS.get(reason, f"reason {reason}"))
    try:
        if reason in (1, 3):
            out.notification = _read_notification(buf, pos + 1, end)
            out.reason_text += f": {out.notification.text}"
        elif reason == 2:
            out.fsm_event = _read_fsm_event(buf, pos + 1, end)
            if out.fsm_event:
                out.reason_text += f": {fsm_event_name(out.fsm_event)}"
        elif reason == 6:
            out.tlvs = read_tlvs(buf, pos + 1, end)
            out.table_name = _text_of(out.tlvs, INFORMATION_TABLE_NAME)
    except WireError as error:
        out.error = error
    return out


def _read_notification(buf: bytes, pos: int, end: int) -> Notification:
    kind, after = bgp_header(buf, pos, end)
    if kind != NOTIFICATION:
        raise WireError(f"BGP type {kind} is no NOTIFICATION", pos + 18, (), "RFC 7854 4.9")
    return read_notification(buf, pos + HEADER_SIZE, after)


def _read_fsm_event(buf: bytes, pos: int, end: int) -> int:
    if end - pos < 2:
        raise WireError("FSM event code runs past the message", pos, (), "RFC 7854 4.9")
    return buf[pos] << 8 | buf[pos + 1]


def read_statistics(buf: bytes, pos: int, end: int, peer: PeerHeader) -> StatisticsReport:
    if end - pos < 4:
        raise WireError("stats count runs past the message", pos, (), "RFC 7854 4.8")
    count = int.from_bytes(buf[pos : pos + 4], "big")
    tlvs = read_tlvs(buf, pos + 4, end)
    stats: list[tuple[int, StatValue]] = [(kind, read_statistic(value)) for kind, value in tlvs]
    out = StatisticsReport(peer, stats)
    if len(stats) < count:
        reason = f"stats count is {count} and {len(stats)} follow"
        out.error = WireError(reason, pos, (), "RFC 7854 4.8")
    return out
