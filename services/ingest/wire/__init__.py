"""BMP (RFC 7854) and BGP (RFC 4271) octets to typed messages: no I/O, no clock.

    decoder = StreamDecoder()
    for message in decoder.feed(data):
        ...

Every input gives messages, a wait for more octets, or a WireError; nothing else is ever raised.
"""

from services.ingest.wire.as_path import AS_SEQUENCE, AsPath, as_path_text, origin_asn
from services.ingest.wire.attributes import PathAttributes
from services.ingest.wire.bgp_open import Capability, Open
from services.ingest.wire.errors import FramingError, WireError
from services.ingest.wire.families import (
    EVPN,
    IPV4_MULTICAST,
    IPV4_UNICAST,
    IPV6_MULTICAST,
    IPV6_UNICAST,
    family_name,
)
from services.ingest.wire.messages import (
    AnyMessage,
    Initiation,
    MalformedMessage,
    MessageType,
    PeerDown,
    PeerUp,
    RouteMirroring,
    RouteMonitoring,
    StatisticsReport,
    Termination,
    UnknownMessage,
)
from services.ingest.wire.nlri import NlriSet, describe_nlri, prefix_text
from services.ingest.wire.notification import Notification
from services.ingest.wire.peer import PeerHeader, PeerKey, RibView
from services.ingest.wire.readable import describe_attributes
from services.ingest.wire.stream import StreamDecoder
from services.ingest.wire.update import Update

__all__ = [
    "AS_SEQUENCE",
    "EVPN",
    "IPV4_MULTICAST",
    "IPV4_UNICAST",
    "IPV6_MULTICAST",
    "IPV6_UNICAST",
    "AnyMessage",
    "AsPath",
    "Capability",
    "FramingError",
    "Initiation",
    "MalformedMessage",
    "MessageType",
    "NlriSet",
    "Notification",
    "Open",
    "PathAttributes",
    "PeerDown",
    "PeerHeader",
    "PeerKey",
    "PeerUp",
    "RibView",
    "RouteMirroring",
    "RouteMonitoring",
    "StatisticsReport",
    "StreamDecoder",
    "Termination",
    "UnknownMessage",
    "Update",
    "WireError",
    "as_path_text",
    "describe_attributes",
    "describe_nlri",
    "family_name",
    "origin_asn",
    "prefix_text",
]
