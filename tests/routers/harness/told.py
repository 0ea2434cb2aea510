"""Routes of every family: what the wire makes of them, and what GoBGP says they are.

Both sides are brought to the same plain form, a text that names every field, so that two tables
are two sets. The words of the filters and of the segments are written here a second time, from
GoBGP's numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.ingest.wire import (
    MalformedMessage,
    RibView,
    RouteMonitoring,
    StreamDecoder,
    describe_nlri,
    families,
)

if TYPE_CHECKING:
    from services.ingest.wire import NlriSet

FAMILIES = {  # in the words of the gobgp command, and of gobgpd's configuration
    "ipv4": (families.IPV4_UNICAST, "ipv4-unicast"),
    "ipv6": (families.IPV6_UNICAST, "ipv6-unicast"),
    "ipv4-mpls": (families.IPV4_LABELED_UNICAST, "ipv4-labelled-unicast"),
    "ipv6-mpls": (families.IPV6_LABELED_UNICAST, "ipv6-labelled-unicast"),
    "vpnv4": (families.VPNV4, "l3vpn-ipv4-unicast"),
    "vpnv6": (families.VPNV6, "l3vpn-ipv6-unicast"),
    "evpn": (families.EVPN, "l2vpn-evpn"),
    "ipv4-flowspec": (families.IPV4_FLOWSPEC, "ipv4-flowspec"),
    "ipv6-flowspec": (families.IPV6_FLOWSPEC, "ipv6-flowspec"),
    "ipv4-l3vpn-flowspec": (families.VPNV4_FLOWSPEC, "l3vpn-ipv4-flowspec"),
    "ipv6-l3vpn-flowspec": (families.VPNV6_FLOWSPEC, "l3vpn-ipv6-flowspec"),
}

_COMPONENTS = (
    *("", "destination", "source", "protocol", "port", "destination-port", "source-port"),
    *("icmp-type", "icmp-code", "tcp-flags", "packet-length", "dscp", "fragment", "flow-label"),
)
_BITS = {
    9: ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"),
    12: ("dont-fragment", "is-fragment", "first-fragment", "last-fragment"),
}
_COMPARISONS = {1: "=", 2: ">", 3: ">=", 4: "<", 5: "<=", 6: "!="}
_Key = tuple[int, bytes]


class Told:
    """The routes that follow from a BMP stream, by view and family, each by its key."""

    def __init__(self) -> None:
        self.malformed: list[MalformedMessage] = []
        self._decoder = StreamDecoder()
        self._tables: dict[tuple[RibView, int], dict[_Key, str]] = {}

    def feed(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            if isinstance(message, RouteMonitoring):
                view, update = message.peer.view, message.update
                for withdrawn in update.withdrawn:
                    table = self._table(view, withdrawn.family)
                    for key, _ in _entries(withdrawn):
                        table.pop(key, None)
                for announced in update.announced:
                    self._table(view, announced.family).update(_entries(announced))
            elif isinstance(message, MalformedMessage):
                self.malformed.append(message)

    def routes(self, view: RibView, family: int) -> set[str]:
        return set(self._table(view, family).values())

    def path_ids(self, view: RibView, family: int) -> set[int]:
        """The path identifiers in use, -1 for a route without one."""
        return {path_id for path_id, _ in self._table(view, family)}

    def _table(self, view: RibView, family: int) -> dict[_Key, str]:
        return self._tables.setdefault((view, family), {})


def _entries(routes: NlriSet) -> list[tuple[_Key, str]]:
    path_ids = routes.path_ids or [-1] * len(routes.nlri)
    details = routes.details or [b""] * len(routes.nlri)
    return [
        ((path_id, nlri), plain(describe_nlri(routes.family, nlri, detail)))
        for path_id, nlri, detail in zip(path_ids, routes.nlri, details, strict=True)
    ]


def plain(described: dict[str, Any]) -> str:
    """Our description in the form of `plain_of_gobgp`, which has VNIs where we show labels too."""
    wanted = dict(described)
    for name in ("components", "route_type_name"):
        wanted.pop(name, None)
    if "route_type" in wanted:
        wanted.pop("labels", None)
    if "esi" in wanted:
        wanted["esi"] = _segment(wanted["esi"])
    return _text(wanted)


def plain_of_gobgp(family: str, path: dict[str, Any]) -> str:
    """The NLRI of one path of `gobgp ... -j`."""
    nlri = path["nlri"]
    if family == "evpn":
        return _text({"route_type": nlri["type"], **_evpn(nlri["value"])})
    wanted: dict[str, Any] = {}
    if "rd" in nlri:
        wanted["rd"] = _distinguisher(nlri["rd"])
    if "flowspec" in family:
        wanted["match"] = " and ".join(_component(part) for part in nlri["value"])
    else:
        wanted |= {name: nlri[name] for name in ("prefix", "labels") if name in nlri}
    return _text(wanted)


def _text(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(fields.items()))


def _distinguisher(rd: dict[str, Any]) -> str:
    return f"{rd['admin']}:{rd['assigned']}"


def _evpn(value: dict[str, Any]) -> dict[str, Any]:
    labels = value.get("labels", [value["label"]] if "label" in value else None)
    wanted = {
        "rd": _distinguisher(value["rd"]),
        "esi": value.get("esi"),
        "ethernet_tag": value.get("etag"),
        "mac": value.get("mac"),
        "ip": value.get("ip"),
        "prefix": value.get("prefix"),
        "gateway": value.get("gateway"),
        "vnis": labels,
    }
    return {name: said for name, said in wanted.items() if said not in (None, "<nil>")}


def _segment(esi: dict[str, Any]) -> str:
    """Our ESI in GoBGP's words."""
    kind, octets = esi["type"], esi["value"].split(":")
    if kind == 0:
        by_hand = f"ESI_ARBITRARY | {':'.join(octets[1:])}"
        return by_hand if any(octet != "00" for octet in octets) else "single-homed"
    return {
        1: "ESI_LACP | system mac {lacp_system_mac}, port key {lacp_port_key}",
        2: "ESI_MSTP | bridge mac {root_bridge_mac}, priority {root_bridge_priority}",
        3: "ESI_MAC | system mac {system_mac}, local discriminator {local_discriminator}",
        4: "ESI_ROUTERID | router id {router_id}, local discriminator {local_discriminator}",
        5: "ESI_AS | as {asn}, local discriminator {local_discriminator}",
    }[kind].format(**esi)


def _component(part: dict[str, Any]) -> str:
    kind, value = part["type"], part["value"]
    if kind <= 2:
        return f"{_COMPONENTS[kind]} {value['prefix']}"
    words = ""
    for item in value:
        joint = ("&" if item["op"] & 0x40 else " or ") if words else ""
        words += joint + _term(_BITS.get(kind), item["op"], item["value"])
    return f"{_COMPONENTS[kind]} {words}"


def _term(bits: tuple[str, ...] | None, operator: int, value: int) -> str:
    if bits is None:
        return f"{_COMPARISONS[operator & 7]}{value}"
    names = "+".join(name for place, name in enumerate(bits) if value & 1 << place)
    return ("!" if operator & 2 else "") + ("=" if operator & 1 else "") + names
