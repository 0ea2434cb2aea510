"""What is fuzzed: readers, and samples to damage.

A target's `run` takes any octets and gives a signature of what came out, so that inputs which
lead somewhere new are kept. It raises where anything but a message or a WireError comes out.
"""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple

import orjson

from services.ingest.decode import Decoding
from services.ingest.describe import describe
from services.ingest.filters import Filter, errors_of, has_error, message_type
from services.ingest.summary import Summary
from services.ingest.wire import (
    FramingError,
    MalformedMessage,
    StreamDecoder,
    WireError,
    describe_nlri,
    families,
    family_name,
)
from services.ingest.wire.nlri import SPLIT_FAMILIES, split_add_path_nlri, split_nlri
from shared.errors import UserError
from tests.ingest.pcap import building
from tests.ingest.wire import octets as o
from tests.ingest.wire.nlri_samples import SAMPLES
from tests.ingest.wire.test_damage import ATTRIBUTES, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from services.ingest.wire import AnyMessage, NlriSet

UNKNOWN_FAMILY = 0x0309
INSIDE = Filter(prefixes=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
EVERY_FAMILY = o.open_message(
    *(o.multiprotocol(family) for family in sorted(SPLIT_FAMILIES)),
    o.add_path(dict.fromkeys(sorted(SPLIT_FAMILIES), 3)),
)
WITH_ADD_PATH = o.peer_up(EVERY_FAMILY, EVERY_FAMILY)
_DIGITS = re.compile(r"\d+")


class Target(NamedTuple):
    """A reader and what is sound input for it."""

    run: Callable[[bytes], str]
    samples: list[bytes]


def _shown(messages: Iterable[AnyMessage], decoder: StreamDecoder) -> str:
    """Everything that is ever done with messages; what came out, numbers left aside."""
    summary = Summary()
    out = []
    try:
        for message in messages:
            summary.add(message, decoder)
            orjson.dumps(describe(message))
            INSIDE.wants(message)
            out.append(message_type(message) + _signature(message))
    except FramingError as error:
        out.append(error.reason)
    orjson.dumps(summary.as_json())
    return _DIGITS.sub("#", " ".join(out))


def _signature(message: AnyMessage) -> str:
    if isinstance(message, MalformedMessage):
        return str(message.error)
    errors = list(map(str, errors_of(message)))
    assert has_error(message) or not errors
    return str(errors) if errors else _shape(describe(message))


def _shape(value: object) -> str:
    """Which fields there are; their values left aside, and how often they come."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}{_shape(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted({_shape(one) for one in value})) + "]"
    return ""


def _decoded(*octets: bytes) -> str:
    decoder = StreamDecoder()
    return _shown((m for part in octets for m in decoder.feed(part)), decoder)


def stream(data: bytes) -> str:
    """Framing and everything in it; the same in two parts, and octet by octet where it is short."""
    whole = _decoded(data)
    half = len(data) // 2
    assert _decoded(data[:half], data[half:]) == whole
    if len(data) < 300:
        assert _decoded(*(data[i : i + 1] for i in range(len(data)))) == whole
    return whole


def message(data: bytes) -> str:
    """The body of a BMP message; its type is the first octet."""
    return _decoded(o.bmp(data[0] % 8 if data else 0, data[1:]))


def peer_up(data: bytes) -> str:
    """The optional parameters of an OPEN, in one octet and in the long form."""
    long = struct.pack(">BBH", 255, 255, len(data)) + data
    out = ""
    for parameters in (bytes((len(data),)) + data if len(data) < 256 else b"\0", long):
        head = struct.pack(">BHH4s", 4, 23456, 90, o.BGP_ID)
        out += _decoded(o.peer_up(o.bgp(1, head + parameters)))
    return out


def update(data: bytes) -> str:
    """The body of an UPDATE, under each reading of AS_PATH and of ADD-PATH."""
    out = _decoded(o.route_monitoring(o.bgp(2, data)))
    out += _decoded(WITH_ADD_PATH, o.route_monitoring(o.bgp(2, data), o.peer(flags=0x20)))
    return out + _decoded(o.route_monitoring(o.bgp(2, data), o.peer(flags=0x50)))


def attributes(data: bytes) -> str:
    """Path attributes of an announcement, alone and after sound ones, twice for the cache."""
    nlri = o.prefix("10.0.0.0/8")
    alone = o.route_monitoring(o.update(data, nlri))
    return _decoded(alone, alone, o.route_monitoring(o.update(o.MANDATORY + data, nlri)))


def capture(data: bytes) -> str:
    """A packet capture."""
    decoding = Decoding([data])
    with suppress(UserError):
        for batch in decoding.batches():
            _shown(batch.messages, batch.decoder)
    return _DIGITS.sub("#", " ".join(decoding.notes))


def nlri_of(family: int) -> Callable[[bytes], str]:
    """The NLRI of a family: both readings of it, and in UPDATEs that announce and withdraw."""

    readings = [split_nlri, split_add_path_nlri][: 1 + (family in SPLIT_FAMILIES)]

    def run(data: bytes) -> str:
        out = ""
        for split in readings:
            try:
                found = split(family, data, 0, len(data))
            except WireError as error:
                out += error.reason
                offset = error.offset
            else:
                out += str(_routes(found))
                offset = 0
            assert 0 <= offset <= len(data)
        reach = o.update(o.ORIGIN + o.AS_PATH + o.mp_reach(family, bytes(4), data))
        unreach = o.update(o.mp_unreach(family, data))
        _decoded(o.route_monitoring(reach), o.route_monitoring(unreach))
        _decoded(WITH_ADD_PATH, o.route_monitoring(unreach), o.route_monitoring(reach))
        return _DIGITS.sub("#", out)

    return run


def _routes(found: NlriSet) -> list[str]:
    """Which fields the routes have."""
    details = found.details or [b""] * len(found.nlri)
    fields = set()
    for key, detail in zip(found.nlri, details, strict=True):
        shown = describe_nlri(found.family, key, detail)
        orjson.dumps(shown)
        fields.add(",".join(sorted(shown)))
    return sorted(fields)


_BODIES = [octets[19 + 48 :] for octets in MESSAGES.values() if octets[5] == 0]
_UPDATES = [
    o.update(o.MANDATORY + b"".join(ATTRIBUTES.values()), o.prefix("10.0.0.0/8"))[19:],
    o.update(o.mp_unreach(families.VPNV4, b"".join(SAMPLES[families.VPNV4])))[19:],
    *_BODIES,
]
_PACKETS = [segment.ip() for segment in building.conversation(b"".join(MESSAGES.values()), 200)]

TARGETS: dict[str, Target] = {
    "stream": Target(stream, [*MESSAGES.values(), b"".join(MESSAGES.values())]),
    "message": Target(message, [octets[5:] for octets in MESSAGES.values()]),
    "peer-up": Target(peer_up, [EVERY_FAMILY[29:200], o.open_message(o.capability(2))[29:]]),
    "update": Target(update, _UPDATES),
    "attributes": Target(attributes, [*ATTRIBUTES.values(), o.MANDATORY]),
    "capture": Target(
        capture,
        [
            building.pcap(*_PACKETS),
            building.pcapng(*_PACKETS[:4]),
            building.pcap(*(building.ethernet(one) for one in _PACKETS[:5]), link=1),
        ],
    ),
    **{
        family_name(family): Target(nlri_of(family), [*samples, b"".join(samples)])
        for family, samples in SAMPLES.items()
    },
    family_name(UNKNOWN_FAMILY): Target(nlri_of(UNKNOWN_FAMILY), [b"anything"]),
}
