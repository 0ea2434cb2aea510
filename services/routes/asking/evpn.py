"""Which EVPN routes a caller asks for."""

# Annotations stay objects here: FastAPI reads them when the app is made.
import re
from typing import Annotated

from services.routes.asking import values
from services.routes.asking.routes import RouteFilter, State
from services.routes.asking.words import ASN, PEER, ROUTER, split, texts
from shared.contracts.vocabulary import EVPN, RIB_VIEWS
from shared.web.problem import parameter_error

_VNI_MAX = 2**24 - 1
_ESI = re.compile(r"[0-9a-f]{20}")
_MARKS = re.compile(r"[:.-]")
_RIB = texts(f"One of {', '.join(RIB_VIEWS.values())}")


def ribs_filter(
    *,
    router: Annotated[list[str], ROUTER],
    peer: Annotated[list[str], PEER],
    rib: Annotated[list[str], _RIB],
    state: State = "current",
) -> RouteFilter:
    """EVPN routes of these RIBs."""
    asked = RouteFilter(families=[EVPN], views=[values.read_view(one) for one in rib], state=state)
    split("router", router, asked.router_ids, asked.router_addresses)
    split("peer", peer, asked.peer_ids, asked.peer_addresses)
    return asked


def evpn_filter(
    *,
    router: Annotated[list[str], ROUTER],
    peer: Annotated[list[str], PEER],
    peer_asn: Annotated[list[str], ASN],
    rib: Annotated[list[str], _RIB],
    state: State = "current",
    rd: Annotated[list[str], texts("A route distinguisher: `65000:100`, `192.0.2.1:7`")],
    esi: Annotated[list[str], texts("An Ethernet segment identifier, in any common form")],
    vni: Annotated[list[str], texts("A VNI (RFC 8365): either label of a MAC/IP route")],
    route_type: Annotated[list[str], texts("RFC 7432 7: `2` is MAC/IP advertisement")],
    mac: Annotated[list[str], texts("A MAC address, in any common form")],
    ip: Annotated[list[str], texts("The address of a MAC/IP route, or of a PE")],
    next_hop: Annotated[list[str], texts("An address")],
    ext_community: Annotated[list[str], texts("As answers write it: `rt:65000:1`")],
) -> RouteFilter:
    """Which EVPN routes a request asks for."""
    asked = ribs_filter(router=router, peer=peer, rib=rib, state=state)
    asked.peer_asns = [values.read_asn("peer_asn", one) for one in peer_asn]
    asked.rds = [values.read_rd(one) for one in rd]
    asked.esis = [read_esi(one) for one in esi]
    asked.vnis = [values.read_number("vni", one, _VNI_MAX, "10100") for one in vni]
    asked.route_types = [values.read_route_type(one) for one in route_type]
    asked.macs = [values.read_mac(one) for one in mac]
    asked.ips = [values.read_address("ip", one) for one in ip]
    asked.next_hops = [values.read_address("next_hop", one) for one in next_hop]
    asked.ext_communities = [values.read_ext_community(one) for one in ext_community]
    return asked


def read_esi(text: str) -> str:
    """An Ethernet segment identifier (RFC 7432 5) as `00:11:22:33:44:55:66:77:88:99`."""
    digits = _MARKS.sub("", text).lower()
    if not _ESI.fullmatch(digits):
        raise parameter_error(
            "esi", f"{text[:64]!r} is not ten octets", "00:11:22:33:44:55:66:77:88:99"
        )
    return bytes.fromhex(digits).hex(":")
