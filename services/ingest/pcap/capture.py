"""A packet capture as the connections in it: which of them speak BMP, and what each said."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from services.ingest.pcap.flow import Flow
from services.ingest.pcap.headers import SYN, Endpoint, Segment, nothing_passed, tcp_segment
from services.ingest.pcap.packets import CutShortError, packets
from services.ingest.wire.text import address_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.ingest.wire import WireError

BMP_PORT = 11019
_HEADER = 6
_LONGEST_FIRST_MESSAGE = 1 << 20
_SHOWN = 5
"""Ports that are named where none of them was the wanted one."""


class Connection:
    """One direction of one TCP connection. `wanted` is None until its first octets are seen."""

    __slots__ = ("first_sequence", "flow", "is_silent", "label", "wanted")

    def __init__(self, label: str, segment: Segment, wanted: bool | None) -> None:
        started = bool(segment.flags & SYN)
        self.label = label
        self.first_sequence = segment.sequence if started else None
        self.flow = Flow()
        self.wanted = wanted
        self.is_silent = True

    def is_opened_by(self, segment: Segment) -> bool:
        """Whether a SYN is that of this connection, come again, and not that of the next one.

        Routers choose another number for the next one; scripts that put data in a SYN start
        every one with 1.
        """
        can_be_next = segment.data and self.flow.delivered > len(segment.data)
        return self.first_sequence == segment.sequence and not can_be_next

    def notes(self, error: WireError | None) -> list[str]:
        """What keeps the connection from being decoded to its end; `error` is its decoder's."""
        missing = self.flow.end()
        if missing:
            note = (
                f"{missing} octets after octet {self.flow.delivered} of the connection are missing "
                "in the capture; what follows them is not decoded"
            )
        elif error is None:
            return []
        elif self.first_sequence is None:
            note = f"{error}; the capture starts inside the connection"
        else:
            note = str(error)
        return [f"{self.label}: {note}"]


class PacketCapture:
    """The TCP connections of a pcap or pcapng file, reassembled.

    `port` is one end of every connection that is wanted. Where it is None these are the
    connections of port 11019 and whatever else starts as BMP does.
    """

    def __init__(self, chunks: Iterable[bytes], port: int | None) -> None:
        self._chunks = chunks
        self._port = port
        self._open: dict[tuple[Endpoint, Endpoint], Connection] = {}
        self._uses: Counter[str] = Counter()
        self._passed = nothing_passed()
        self._cut_packets = 0
        self._is_cut_short = False
        self.connections: list[Connection] = []
        """Those wanted that carried data, in the order in which they began."""

    def read(self) -> Iterator[tuple[Connection, bytes]]:
        """The octets of each wanted connection, as they complete; UserError where it is damaged."""
        try:
            for packet in packets(self._chunks):
                segment = tcp_segment(packet, self._passed)
                if segment is not None:
                    yield from self._add(segment)
        except CutShortError:
            self._is_cut_short = True

    def notes(self) -> list[str]:
        """What was not read of the capture, once all of it has been read."""
        out = [
            f"{count} {version} fragments: none are put together here"
            for version, count in sorted(self._passed.fragments.items())
        ]
        out += [
            f"{count} packets of link type {link}, which is not read here"
            for link, count in sorted(self._passed.links.items())
        ]
        if self._cut_packets:
            out.append(f"{self._cut_packets} packets were captured in part; capture with -s 0")
        if self._is_cut_short:
            out.append("the file ends inside a packet")
        if not self.connections:
            out.append(self._nothing_found())
        return out

    def _add(self, segment: Segment) -> Iterator[tuple[Connection, bytes]]:
        connection = self._connection(segment)
        if connection.wanted is False:
            return
        self._cut_packets += bool(segment.missing and self._is_of_port(segment))
        take = connection.flow.open if segment.flags & SYN else connection.flow.add
        data = take(segment.sequence, segment.data)
        if connection.wanted is None and data:
            connection.wanted = _looks_like_bmp(data)
        if connection.wanted:
            if segment.data and connection.is_silent:
                connection.is_silent = False
                self.connections.append(connection)
            if data:
                yield connection, data

    def _connection(self, segment: Segment) -> Connection:
        key = segment.source, segment.target
        known = self._open.get(key)
        if known is not None:
            if not segment.flags & SYN or known.is_opened_by(segment):
                return known
            known.flow.end()  # the same addresses and ports, used again
        label = f"{_text(segment.source)} > {_text(segment.target)}"
        self._uses[label] += 1
        if self._uses[label] > 1:
            label += f" ({self._uses[label]})"
        wanted = True if self._is_of_port(segment) else None if self._port is None else False
        self._open[key] = Connection(label, segment, wanted)
        return self._open[key]

    def _is_of_port(self, segment: Segment) -> bool:
        wanted = BMP_PORT if self._port is None else self._port
        return wanted in (segment.source[1], segment.target[1])

    def _nothing_found(self) -> str:
        wanted = f"port {self._port}" if self._port else f"port {BMP_PORT}, and none speaks BMP"
        ports = Counter(min(source[1], target[1]) for source, target in self._open)
        if not ports:
            return f"no TCP connection with {wanted}; there is none at all"
        named = ", ".join(str(port) for port, _ in ports.most_common(_SHOWN))
        return f"no TCP connection with {wanted}; those that are there use port {named} (--port)"


def _looks_like_bmp(data: bytes) -> bool:
    """Whether a stream may start so: a common header of BMP version 3, or of the draft's 4."""
    length = int.from_bytes(data[1:5], "big")
    return (
        len(data) >= _HEADER
        and data[0] in (3, 4)
        and _HEADER <= length <= _LONGEST_FIRST_MESSAGE
        and data[5] <= 6
    )


def _text(endpoint: Endpoint) -> str:
    address, port = endpoint
    text = address_text(address)
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"
