"""Decoded parts as plain objects for JSON, in the words of the RFCs.

Each function leaves out what is not there, and shows octets that nothing here can read as
hexadecimal digits.
"""

from services.ingest.wire.attribute_codes import flag_names, unread_name
from services.ingest.wire.attribute_readers import RULES
from services.ingest.wire.attributes import PathAttributes
from services.ingest.wire.bgp_open import Open
from services.ingest.wire.capabilities import describe_capability
from services.ingest.wire.codes import tlv_name
from services.ingest.wire.errors import WireError
from services.ingest.wire.families import family_name
from services.ingest.wire.messages import Tlv
from services.ingest.wire.pmsi import describe_pmsi_tunnel
from services.ingest.wire.statistics import StatValue, statistic_name
from services.ingest.wire.text import address_text, free_text
from services.ingest.wire.tunnel_encapsulation import describe_tunnel

Described = dict[str, object]

_ADD_PATH_MODES = {1: "receive", 2: "send", 3: "send/receive"}
_STRINGS = ("string", "sysDescr", "sysName", "VRF/table name", "admin label")


def attribute_name(kind: int) -> str | None:
    """`as-path`, `bgpsec-path`, ...; None for a type without a name here."""
    rule = RULES.get(kind)
    return unread_name(kind) if rule is None else rule.name


def describe_error(error: WireError) -> Described:
    """Where, in what, against which section, and what it leads to."""
    out: Described = {
        "text": str(error),
        "reason": error.reason,
        "offset": error.offset,
        "context": list(error.context),
    }
    if error.section:
        out["section"] = error.section
    if error.attribute is not None:
        out["attribute"] = {"type": error.attribute, "name": attribute_name(error.attribute)}
    if error.approach is not None:
        out["approach"] = error.approach.label
    return out


def describe_tlvs(names: dict[int, str], tlvs: tuple[Tlv, ...]) -> list[Described]:
    """Information TLVs by the names of their registry; strings as text."""
    return [_tlv(tlv_name(names, kind), kind, value) for kind, value in tlvs]


def _tlv(name: str, kind: int, value: bytes) -> Described:
    shown = free_text(value) if name in _STRINGS else value.hex()
    return {"type": kind, "name": name, "value": shown}


def describe_statistic(kind: int, value: StatValue) -> Described:
    out: Described = {"type": kind, "name": statistic_name(kind)}
    if isinstance(value, tuple):
        return {**out, "family": family_name(value[0]), "value": value[1]}
    return {**out, "value": value.hex() if isinstance(value, bytes) else value}


def describe_open(message: Open) -> Described:
    return {
        "version": message.version,
        "asn": message.asn,
        "hold_time": message.hold_time,
        "bgp_id": address_text(message.bgp_id),
        "families": [family_name(family) for family in message.families],
        "add_path": {
            family_name(family): _ADD_PATH_MODES.get(mode, mode)
            for family, mode in message.add_path.items()
        },
        "capabilities": [describe_capability(code, value) for code, value in message.capabilities],
    }


def describe_attributes(attributes: PathAttributes) -> Described:
    """The attributes that are there, by their RFC names; an empty AS path is there too."""
    aggregator, inner = attributes.aggregator, attributes.attr_set
    shown: Described = {
        "origin": attributes.origin_text,
        "as_path": attributes.as_path_json,
        "next_hop": attributes.next_hop and address_text(attributes.next_hop),
        "next_hop_link_local": attributes.next_hop_link_local
        and address_text(attributes.next_hop_link_local),
        "med": attributes.med,
        "local_pref": attributes.local_pref,
        "atomic_aggregate": attributes.atomic_aggregate or None,
        "aggregator": aggregator and {"asn": aggregator[0], "address": address_text(aggregator[1])},
        "communities": attributes.communities_text,
        "well_known_communities": attributes.well_known_communities,
        "large_communities": attributes.large_communities_text,
        "ext_communities": attributes.ext_communities_text,
        "ipv6_ext_communities": attributes.ipv6_ext_communities_text,
        "originator_id": attributes.originator_id and address_text(attributes.originator_id),
        "cluster_list": [address_text(cluster) for cluster in attributes.cluster_list],
        "aigp": attributes.aigp,
        "only_to_customer": attributes.only_to_customer,
        "pmsi_tunnel": attributes.pmsi_tunnel and describe_pmsi_tunnel(attributes.pmsi_tunnel),
        "tunnel_encapsulation": [describe_tunnel(tunnel) for tunnel in attributes.tunnels],
        "prefix_sid": attributes.prefix_sid,
        "attr_set": inner and {"origin_as": inner[0], **describe_attributes(inner[1])},
        "unknown": [_unknown(kind, flags, value) for kind, flags, value in attributes.unknown],
        "discarded": [describe_error(error) for error in attributes.discarded],
    }
    return {
        key: value for key, value in shown.items() if value not in (None, []) or key == "as_path"
    }


def _unknown(kind: int, flags: int, value: bytes) -> Described:
    out: Described = {"type": kind}
    name = attribute_name(kind)
    if name is not None:
        out["name"] = name
    return {**out, "flags": flag_names(flags), "value": value.hex()}
