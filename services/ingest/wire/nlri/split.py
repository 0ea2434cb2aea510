"""The families whose NLRI can be told apart, and the two ways to split their fields."""

from services.ingest.wire import families as f
from services.ingest.wire.nlri import evpn, flowspec, labeled, others
from services.ingest.wire.nlri.kind import Described, Kind
from services.ingest.wire.nlri.nlri_set import NlriSet
from services.ingest.wire.nlri.prefixes import (
    PREFIX_SIZES,
    SPARE_BITS,
    ip_prefix_text,
    path_id_error,
    split_add_path_prefixes,
    split_prefixes,
)

_KINDS = {
    f.IPV4_LABELED_UNICAST: Kind(
        labeled.read_ipv4_labeled, labeled.describe_ipv4_labeled, has_details=True, in_bits=True
    ),
    f.IPV6_LABELED_UNICAST: Kind(
        labeled.read_ipv6_labeled, labeled.describe_ipv6_labeled, has_details=True, in_bits=True
    ),
    f.VPNV4: Kind(labeled.read_vpnv4, labeled.describe_vpnv4, has_details=True, in_bits=True),
    f.VPNV6: Kind(labeled.read_vpnv6, labeled.describe_vpnv6, has_details=True, in_bits=True),
    f.VPNV4_MULTICAST: Kind(labeled.read_vpnv4_multicast, labeled.describe_vpnv4, in_bits=True),
    f.VPNV6_MULTICAST: Kind(labeled.read_vpnv6_multicast, labeled.describe_vpnv6, in_bits=True),
    f.EVPN: Kind(evpn.read_evpn, evpn.describe_evpn, has_details=True),
    f.IPV4_FLOWSPEC: Kind(flowspec.read_ipv4, flowspec.describe_ipv4),
    f.IPV6_FLOWSPEC: Kind(flowspec.read_ipv6, flowspec.describe_ipv6),
    f.VPNV4_FLOWSPEC: Kind(flowspec.read_vpnv4, flowspec.describe_vpnv4),
    f.VPNV6_FLOWSPEC: Kind(flowspec.read_vpnv6, flowspec.describe_vpnv6),
    f.ROUTE_TARGET: Kind(others.read_route_target, others.describe_route_target, in_bits=True),
    f.IPV4_SR_POLICY: Kind(others.read_ipv4_sr_policy, others.describe_sr_policy),
    f.IPV6_SR_POLICY: Kind(others.read_ipv6_sr_policy, others.describe_sr_policy),
    f.IPV4_MVPN: Kind(others.read_mvpn, others.describe_mvpn),
    f.IPV6_MVPN: Kind(others.read_mvpn, others.describe_mvpn),
    f.VPLS: Kind(others.read_vpls, others.describe_vpls),
    f.BGP_LS: Kind(others.read_bgp_ls, others.describe_bgp_ls),
    f.BGP_LS_VPN: Kind(others.read_bgp_ls_vpn, others.describe_bgp_ls_vpn),
}
_VPN = frozenset((f.VPNV4, f.VPNV6, f.VPNV4_MULTICAST, f.VPNV6_MULTICAST))
_LABELED = frozenset((f.IPV4_LABELED_UNICAST, f.IPV6_LABELED_UNICAST))

SPLIT_FAMILIES = frozenset((*PREFIX_SIZES, *_KINDS))
"""The families whose NLRI can be told apart, and so may carry path identifiers."""


def split_nlri(family: int, buf: bytes, pos: int, end: int) -> NlriSet:
    """The NLRI between `pos` and `end`, without path identifiers."""
    sizes = PREFIX_SIZES.get(family)
    if sizes is not None:
        return split_prefixes(family, sizes, buf, pos, end)
    kind = _KINDS.get(family)
    if kind is not None:
        return _split(family, kind, buf, pos, end, add_path=False)
    return NlriSet(family, [buf[pos:end]] if pos < end else [])


def split_add_path_nlri(family: int, buf: bytes, pos: int, end: int) -> NlriSet:
    """The same with the path identifier before each (RFC 7911 3), for a family that is split."""
    sizes = PREFIX_SIZES.get(family)
    if sizes is not None:
        return split_add_path_prefixes(family, sizes, buf, pos, end)
    return _split(family, _KINDS[family], buf, pos, end, add_path=True)


def _split(family: int, kind: Kind, buf: bytes, pos: int, end: int, *, add_path: bool) -> NlriSet:
    keys: list[bytes] = []
    details: list[bytes] = []
    path_ids: list[int] = []
    tidy = True
    while pos < end:
        if add_path:
            if end - pos < 5:
                raise path_id_error(pos)
            path_ids.append(int.from_bytes(buf[pos : pos + 4], "big"))
            pos += 4
        start = pos
        pos, key, detail = kind.read(buf, start, end)
        if kind.in_bits and buf[pos - 1] & SPARE_BITS[buf[start] & 7]:
            tidy = False
        keys.append(key)
        details.append(detail)
    return NlriSet(
        family, keys, path_ids if add_path else None, details if kind.has_details else None, tidy
    )


def prefix_text(family: int, nlri: bytes) -> str:
    """The key as text: `192.0.2.0/24`, in a VPN `65000:1:192.0.2.0/24`; else hexadecimal."""
    if family in PREFIX_SIZES or family in _LABELED:
        return ip_prefix_text(family >> 8, nlri)
    if family in _VPN:
        return labeled.vpn_prefix_text(family >> 8, nlri)
    return nlri.hex()


def describe_nlri(family: int, nlri: bytes, detail: bytes = b"") -> Described:
    """The parts of one route by name, ready for JSON, in the words of the RFCs."""
    if family in PREFIX_SIZES:
        return {"prefix": ip_prefix_text(family >> 8, nlri)}
    kind = _KINDS.get(family)
    return {"nlri": nlri.hex()} if kind is None else kind.describe(nlri, detail)
