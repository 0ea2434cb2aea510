"""The configuration files of gobgpd, as a monitored router and as a feeder."""

from __future__ import annotations

from dataclasses import dataclass

from tests.routers.harness.policy import REFUSED, TAG

_GLOBAL = """\
[global.config]
  as = {asn}
  router-id = "{address}"
  port = {port}
  local-address-list = ["{address}"]
"""

_MONITORED = """\
[global.apply-policy.config]
  import-policy-list = ["inbound"]
  default-import-policy = "accept-route"
  default-export-policy = "reject-route"
[[bmp-servers]]
  [bmp-servers.config]
    address = "{station_host}"
    port = {station_port}
    route-monitoring-policy = "all"
    sys-name = "{name}"
    sys-descr = "gobgpd under test"
[[defined-sets.prefix-sets]]
  prefix-set-name = "refused"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "{refused}"
    masklength-range = "16..32"
[[policy-definitions]]
  name = "inbound"
  [[policy-definitions.statements]]
    name = "refuse"
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "refused"
    [policy-definitions.statements.actions]
      route-disposition = "reject-route"
  [[policy-definitions.statements]]
    name = "tag"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
    [policy-definitions.statements.actions.bgp-actions.set-community]
      options = "add"
      [policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
        communities-list = ["{tag}"]
"""

_NEIGHBOR = """\
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{peer}"
    peer-as = {peer_asn}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
  [neighbors.transport.config]
    local-address = "{address}"
    passive-mode = {passive}
    remote-port = {remote_port}
"""

_FAMILY = """\
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "{family}"
    [neighbors.afi-safis.add-paths.config]
      {add_path}
"""

UNICAST = ("ipv4-unicast", "ipv6-unicast")
"""The families of a session that needs no others, by gobgpd's names."""


@dataclass(frozen=True, slots=True)
class GobgpPeer:
    """A neighbour: `port` 0 waits for it to connect, else it is connected to there.

    `add_path` names those of its `families` that ADD-PATH is used for.
    """

    address: str
    asn: int
    port: int = 0
    add_path: tuple[str, ...] = ()
    families: tuple[str, ...] = UNICAST


def speaker(address: str, asn: int, port: int) -> str:
    """A gobgpd that listens on `port` of `address`, which is its router id too."""
    return _GLOBAL.format(address=address, asn=asn, port=port)


def monitored(name: str, station: tuple[str, int]) -> str:
    """BMP of every view to `station`, and the inbound policy."""
    host, port = station
    return _MONITORED.format(
        station_host=host, station_port=port, name=name, refused=REFUSED, tag=TAG
    )


def neighbor(address: str, peer: GobgpPeer, add_path: str) -> str:
    """A neighbour of the speaker at `address`; `add_path` where the peer asks for ADD-PATH."""
    head = _NEIGHBOR.format(
        address=address,
        peer=peer.address,
        peer_asn=peer.asn,
        passive=str(peer.port == 0).lower(),
        remote_port=peer.port or 179,
    )
    return head + "".join(
        _FAMILY.format(family=family, add_path=add_path if family in peer.add_path else "")
        for family in peer.families
    )
