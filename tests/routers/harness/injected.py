"""Routes of every family that gobgp can inject, in its own words, with every field in play.

`generation` changes what is not a route's key, and nothing else: labels, segments, gateways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_DISTINGUISHERS = ("64500:{}", "192.0.2.1:{}", "1.10:{}")  # the three types of RFC 4364 4.2
_SEGMENTS = (
    "LACP aa:bb:cc:dd:ee:{0:02x} {0}",
    "MSTP aa:bb:cc:dd:ee:{0:02x} {0}",
    "MAC aa:bb:cc:dd:ee:{0:02x} {0}",
    "ROUTERID 192.0.2.{0} {0}",
    "AS 65000 {0}",
    "ARBITRARY 11:22:33:44:55:66:77:88:{0:02x}",
)
_PORTS = ("==80 ==443", ">=1024&<=2048", "!=22", "<1024 >49151", "==65535")
_TCP_FLAGS = ("=SA", "!F", "S", "=SA !=R", "=U&!=R")
_FRAGMENTS = ("is-fragment", "=dont-fragment", "!last-fragment", "first-fragment+last-fragment")
_DISCARD = ["then", "discard"]


def routes(family: str, generation: int = 0) -> list[list[str]]:
    """About twenty routes of a family, sixty of EVPN; the words after `gobgp global rib add`."""
    return [_MAKERS[family](number, generation) for number in range(1, _COUNTS.get(family, 20) + 1)]


def _rd(number: int) -> list[str]:
    return ["rd", _DISTINGUISHERS[number % 3].format(number)]


def _ipv4(number: int, generation: int) -> list[str]:
    return [f"198.51.{number}.0/{24 + number % 9}", "nexthop", f"192.0.2.{1 + generation}"]


def _ipv6(number: int, generation: int) -> list[str]:
    return [f"2001:db8:{number:x}::/{48 + number}", "nexthop", f"2001:db8::{1 + generation}"]


def _ipv4_labeled(number: int, generation: int) -> list[str]:
    return [
        f"10.{number}.0.0/{16 + number % 17}",
        _stack(number, generation),
        "nexthop",
        "192.0.2.1",
    ]


def _ipv6_labeled(number: int, generation: int) -> list[str]:
    prefix = f"2001:db8:{number:x}::/{48 + number}"
    return [prefix, _stack(number, generation), "nexthop", "2001:db8::1"]


def _stack(number: int, generation: int) -> str:
    depth = 1 + number % 3
    return "/".join(str(16 + 1000 * generation + number + place) for place in range(depth))


def _vpnv4(number: int, generation: int) -> list[str]:
    label = ["label", str(100 + number + 1000 * generation)]
    prefix = f"10.{number}.0.0/{16 + number % 17}"
    return [prefix, *label, *_rd(number), "rt", "64500:1", "nexthop", "192.0.2.1"]


def _vpnv6(number: int, generation: int) -> list[str]:
    label = ["label", str(100 + number + 1000 * generation)]
    prefix = f"2001:db8:{number:x}::/{48 + number}"
    return [prefix, *label, *_rd(number), "rt", "64500:1", "nexthop", "2001:db8::1"]


def _evpn(number: int, generation: int) -> list[str]:
    kinds = (_auto_discovery, _mac_ip, _multicast, _segment, _ip_prefix)
    return kinds[number % 5](number // 5, generation)


def _esi(number: int) -> list[str]:
    return ["esi", *_SEGMENTS[number % 6].format(number).split()]


def _tag_and_label(number: int, label: str) -> list[str]:
    return ["etag", str(number * 1000), "label", label]


def _auto_discovery(number: int, generation: int) -> list[str]:
    label = str(200 + number + 1000 * generation)
    return ["a-d", *_esi(number), *_tag_and_label(number, label), *_rd(number), "rt", "64500:1"]


def _mac_ip(number: int, generation: int) -> list[str]:
    host = (f"10.0.0.{number}", f"2001:db8::{number:x}", "0.0.0.0")[number % 3]  # noqa: S104
    vni = 1000 + number + 1000 * generation
    label = f"{vni},{vni + 500}" if number % 2 else str(vni)
    words = ["macadv", f"00:00:5e:00:53:{number:02x}", host]
    if (number + generation) % 4:
        words += _esi(number + generation)
    return [*words, *_tag_and_label(number, label), *_rd(number), "rt", "64500:1", "encap", "vxlan"]


def _multicast(number: int, _generation: int) -> list[str]:
    originator = f"10.0.0.{number}" if number % 2 else f"2001:db8::{number:x}"
    return ["multicast", originator, "etag", str(number), *_rd(number), "rt", "64500:1"]


def _segment(number: int, _generation: int) -> list[str]:
    originator = f"10.0.0.{number}" if number % 2 else f"2001:db8::{number:x}"
    return ["esi", originator, *_esi(number), *_rd(number)]


def _ip_prefix(number: int, generation: int) -> list[str]:
    if number % 2:
        prefix, gateway = f"10.{number}.0.0/{16 + number}", f"172.16.0.{1 + generation}"
    else:
        prefix, gateway = f"2001:db8:{number:x}::/{48 + number}", f"2001:db8::{1 + generation}"
    segment = [] if number % 3 else _esi(number + generation)
    label = str(2000 + number + 1000 * generation)
    words = ["prefix", prefix, "gw", gateway, *segment]
    return [*words, *_tag_and_label(number, label), *_rd(number), "rt", "64500:1"]


def _flowspec(prefix: str, number: int) -> list[str]:
    """What both versions of IP have."""
    words = ["match", "destination", prefix]
    if number % 2:
        words += ["protocol", ("tcp", "udp", "==47")[number % 3]]
    words += [("port", "destination-port", "source-port")[number % 3], _PORTS[number % 5]]
    if number % 4 == 0:
        words += ["tcp-flags", _TCP_FLAGS[number // 4 % 5]]
    if number % 4 == 1:
        words += ["packet-length", f">={number * 60}"]
    if number % 4 == 2:
        words += ["icmp-type", f"=={number}", "icmp-code", f"!={number}"]
    if number % 4 == 3:
        words += ["dscp", str(number)]
    return words


def _flowspec4(number: int, _generation: int) -> list[str]:
    words = _flowspec(f"10.{number}.0.0/{16 + number % 17}", number)
    words += ["source", f"172.16.{number}.0/{20 + number % 9}"]
    return [*words, "fragment", _FRAGMENTS[number % 4], *_DISCARD]


def _flowspec6(number: int, _generation: int) -> list[str]:
    words = _flowspec(f"2001:db8:{number:x}::/{48 + number}", number)
    return [*words, "label", f"=={number * 4000}", *_DISCARD]


def _in_a_vpn(make: Callable[[int, int], list[str]]) -> Callable[[int, int], list[str]]:
    def words(number: int, generation: int) -> list[str]:
        return [*_rd(number), *make(number, generation), "rt", "64500:1"]

    return words


_MAKERS: dict[str, Callable[[int, int], list[str]]] = {
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "ipv4-mpls": _ipv4_labeled,
    "ipv6-mpls": _ipv6_labeled,
    "vpnv4": _vpnv4,
    "vpnv6": _vpnv6,
    "evpn": _evpn,
    "ipv4-flowspec": _flowspec4,
    "ipv6-flowspec": _flowspec6,
    "ipv4-l3vpn-flowspec": _in_a_vpn(_flowspec4),
    "ipv6-l3vpn-flowspec": _in_a_vpn(_flowspec6),
}
_COUNTS = {"evpn": 60}
