"""An EVPN fabric whose MAC addresses move, and VPN routes of a peer that flaps.

The dictionary of NLRI is made by ingest's own rows, so that keys, numbers and fields are its.
"""

from __future__ import annotations

import json
import random
import struct
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from bench.query_world import DAYS, END, EVPN, REFLECTORS, RIBS, SESSIONS, START, VPN_PEER, VPNV4
from services.ingest.repository.copying import copy
from services.ingest.rows import fields
from services.ingest.rows.nlri import NLRI_DICTIONARY_COLUMNS, nlri_id, nlri_row
from services.ingest.wire import describe_nlri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bench.query_world import Size
    from services.ingest.database import Conn

LEAVES, VRFS = 40, 50

_SETS = """
INSERT INTO rib.path_attributes (attr_id, local_pref, last_used, origin, atomic_aggregate,
                                 next_hop, as_path, ext_communities)
SELECT attr_id, 100, $1, 0, false, next_hop::inet, '{}', string_to_array(ext, ' ')
  FROM unnest($2::int8[], $3::text[], $4::text[]) AS s(attr_id, next_hop, ext)
"""
_STAGE = """
CREATE UNLOGGED TABLE bench.nlri_event (time timestamptz, attr_id int8, rib_id int4, session int4,
                                        nlri_id int8, detail jsonb)
"""
_STAGED = ("time", "attr_id", "rib_id", "session", "nlri_id", "detail")


class Route(NamedTuple):
    """A route as one message says it; `attributes` are a next hop and extended communities."""

    family: int
    key: bytes
    detail: bytes
    attributes: tuple[str, str] | None

    @property
    def number(self) -> int:
        """As ingest numbers it."""
        return nlri_id(self.family, self.key)

    @property
    def attr_id(self) -> int | None:
        """A number like any; None where the route is withdrawn."""
        return None if self.attributes is None else nlri_id(0, " ".join(self.attributes).encode())

    @property
    def detail_text(self) -> str | None:
        """What the message says beside the key, as JSON."""
        if self.attributes is None:
            return None
        known = describe_nlri(self.family, self.key)
        told = describe_nlri(self.family, self.key, self.detail)
        return json.dumps({name: value for name, value in told.items() if name not in known})


class Told(NamedTuple):
    """A route told at a moment, in a session of a RIB."""

    time: datetime
    rib: int
    session: int
    route: Route


async def write(conn: Conn, size: Size) -> None:
    """Writes the dictionary and the attributes, and stages the events."""
    told = [*_fabric(size), *_vpn(size)]
    day = fields.date(int(END.timestamp()) * 1_000_000)
    nlri = {one.route.number: one.route for one in told}
    rows = [nlri_row(number, day, route.family, route.key) for number, route in nlri.items()]
    await copy(conn, "nlri", NLRI_DICTIONARY_COLUMNS, rows, schema="rib")
    sets = {one.route.attr_id: one.route.attributes for one in told if one.route.attributes}
    next_hops, ext = zip(*sets.values(), strict=True)
    await conn.execute(_SETS, END.date(), list(sets), next_hops, ext)
    await conn.execute(_STAGE)
    records = [
        (one.time, one.route.attr_id, one.rib, one.session, one.route.number, one.route.detail_text)
        for one in told
    ]
    await conn.copy_records_to_table(
        "nlri_event", schema_name="bench", columns=_STAGED, records=records
    )


def _fabric(size: Size) -> Iterator[Told]:
    """Every MAC address at a leaf, then some of them on their way to others."""
    pick = random.Random("fabric")  # noqa: S311 - figures to measure with, no secret
    leaves = [pick.randrange(LEAVES) for _ in range(size.macs)]
    moved = [0] * size.macs
    load = START + timedelta(seconds=20)
    for mac, leaf in enumerate(leaves):
        at = load + timedelta(milliseconds=mac)
        yield from _to_both(at, _mac_route(mac, leaf, 0))
    spacing = timedelta(days=DAYS) / (size.moves + 2)
    for move in range(size.moves):
        mac = int(size.macs * pick.random() ** 3)
        at = START + (move + 1) * spacing + timedelta(milliseconds=pick.randrange(5_000))
        before, after = leaves[mac], pick.randrange(LEAVES)
        if before == after:
            continue
        leaves[mac], moved[mac] = after, moved[mac] + 1
        yield from _to_both(at, _mac_route(mac, after, moved[mac]))
        withdrawn = _mac_route(mac, before, 0)._replace(attributes=None)
        yield from _to_both(at + timedelta(milliseconds=200), withdrawn)


def _to_both(at: datetime, route: Route) -> Iterator[Told]:
    for place, peer in enumerate(REFLECTORS, 6):
        yield Told(at + timedelta(microseconds=10 * place), _rib(peer), 1, route)


def _mac_route(mac: int, leaf: int, moves: int) -> Route:
    """RFC 7432 7.2: a MAC and its IP address, at a leaf that is a VTEP."""
    vni = 10_000 + mac % 100
    distinguisher = struct.pack(">HIH", 1, 0x0AFF0000 + leaf, mac % 100)
    octets = bytes((0x02, 0, 0)) + mac.to_bytes(3, "big")
    address = struct.pack(">I", 0x0A000000 + mac)
    key = b"\2" + distinguisher + bytes(4) + b"\x30" + octets + b"\x20" + address
    segment = b"\0" + leaf.to_bytes(9, "big") if leaf % 4 == 0 else bytes(10)
    ext = f"rt:64500:{vni} encapsulation:vxlan" + (f" mac-mobility:{moves}" if moves else "")
    return Route(EVPN, key, segment + vni.to_bytes(3, "big"), (f"10.255.0.{leaf}", ext))


def _vpn(size: Size) -> Iterator[Told]:
    for session in SESSIONS:
        if session.peer != VPN_PEER:
            continue
        for number in range(size.vpn_routes):
            at = session.began + timedelta(milliseconds=number, microseconds=80)
            yield Told(at, _rib(VPN_PEER), session.number, _vpn_route(number))


def _vpn_route(number: int) -> Route:
    """RFC 4364 4.3.4: three octets of label, the distinguisher, the prefix."""
    place, vrf = divmod(number, VRFS)
    network = struct.pack(">I", 0x0A000000 + (vrf % 7 << 20) + (place << 8))[:3]
    key = struct.pack(">HHI", 0, 64500, vrf) + b"\x18" + network
    label = (16 + number << 4 | 1).to_bytes(3, "big")
    return Route(VPNV4, key, label, (f"10.254.0.{vrf % 20}", f"rt:64500:{vrf}"))


def _rib(peer: int) -> int:
    return next(rib.number for rib in RIBS if rib.peer == peer)
