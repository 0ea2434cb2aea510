"""FRR's bgpd as the monitored router, and what it says of its own tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.routers.harness import vty
from tests.routers.harness.policy import REFUSED, TAG
from tests.routers.harness.process import Daemon
from tests.routers.harness.table import Route, Table, as_path, communities, table
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

BGPD = Path("/usr/lib/frr/bgpd")

_FAMILIES = {"ipv4_unicast": "ipv4 unicast", "ipv6_unicast": "ipv6 unicast"}
_ORIGINS = {"i": "igp", "e": "egp", "?": "incomplete", "IGP": "igp", "EGP": "egp"}

_POLICY = f"""
ip prefix-list REFUSED seq 5 permit {REFUSED} le 32
route-map INBOUND deny 5
 match ip address prefix-list REFUSED
exit
route-map INBOUND permit 10
 set local-preference 222
 set community {TAG} additive
exit
route-map NOTHING deny 10
exit
"""


@dataclass(frozen=True, slots=True)
class FrrPeer:
    """A neighbour: `port` 0 waits for it to connect, else it is connected to there.

    With `policy`, the inbound policy applies to it.
    """

    address: str
    asn: int
    port: int = 0
    policy: bool = False


class FrrBgpd:
    """`bgpd -M bmp` without zebra, monitored before and after its inbound policy."""

    def __init__(
        self,
        directory: Path,
        *,
        listen: tuple[str, int],
        asn: int,
        peers: Sequence[FrrPeer],
        station: tuple[str, int],
        hostname: str = "frr-edge",
    ) -> None:
        self.address, self.port = listen
        self.asn = asn
        self.hostname = hostname
        self.peers = {peer.address: peer for peer in peers}
        self._vty = directory / "bgpd.vty"
        config = directory / "bgpd.conf"
        config.write_text(self._config(station))
        self._daemon = Daemon(
            "bgpd",
            self._command(directory, config),
            directory,
            noise="zclient_send_message() failed",  # there is no zebra to send to
        )

    @property
    def daemons(self) -> tuple[Daemon]:
        return (self._daemon,)

    def start(self) -> None:
        self._daemon.start()
        eventually(self._check_answers)

    def stop(self) -> None:
        self._daemon.stop()

    def check_established(self, peer: str) -> None:
        """Raises NotYetError until the BGP session to `peer` is up."""
        state = self._neighbor_state(peer)
        if state != "Established":
            raise NotYetError(f"FRR says that peer {peer} is {state}")

    def shut(self, peer: str) -> None:
        """Takes the session to `peer` down and keeps it down."""
        self.configure(f"neighbor {peer} shutdown")

    def unshut(self, peer: str) -> None:
        """Lets `peer` connect again."""
        self.configure(f"no neighbor {peer} shutdown")

    def configure(self, *lines: str) -> None:
        """Enters the lines below `router bgp`."""
        vty.ask(self._vty, "enable", "configure terminal", f"router bgp {self.asn}", *lines, "end")

    def received(self, peer: str, family: str) -> Table:
        """The routes of `peer` before the inbound policy (Adj-RIB-In).

        FRR prints no communities here, so they are taken from the table after the policy, less
        the one that the policy adds.
        """
        answer = self._json(f"neighbors {peer} received-routes json", family)
        after = {route.prefix: route for route in self.accepted(peer, family)}
        return table(
            _received_route(entry, after.get(entry["network"]))
            for entry in answer.get("receivedRoutes", {}).values()
        )

    def accepted(self, peer: str, family: str) -> Table:
        """The routes of `peer` after the inbound policy, with every attribute."""
        answer = self._json(f"neighbors {peer} routes json", family)
        prefixes = list(answer.get("routes", {}))
        details = vty.ask(
            self._vty, *(f"show bgp {_FAMILIES[family]} {prefix} json" for prefix in prefixes)
        )
        return table(
            _accepted_route(prefix, path)
            for prefix, detail in zip(prefixes, details, strict=True)
            for path in vty.parse(detail).get("paths", [])
            if path["peer"]["peerId"] == peer
        )

    def sources(self, prefix: str) -> frozenset[str]:
        """The peers that it has a route to this IPv4 prefix from, after its policy."""
        routes = self._json("json", "ipv4_unicast").get("routes", {})
        return frozenset(path["peerId"] for path in routes.get(prefix, []))

    def _command(self, directory: Path, config: Path) -> list[str]:
        return [
            str(BGPD),
            "-Mbmp",
            "--no_zebra",
            "--no_kernel",
            "--skip_runas",
            "--log=stdout",
            f"--config_file={config}",
            f"--pid_file={directory / 'bgpd.pid'}",
            f"--vty_socket={directory}",
            "--vty_port=0",
            f"--listenon={self.address}",
            f"--bgp_port={self.port}",
        ]

    def _neighbor_state(self, peer: str) -> str:
        answer = vty.ask_json(self._vty, f"show bgp neighbors {peer} json")
        state: str = answer[peer]["bgpState"]
        return state

    def _json(self, command: str, family: str) -> dict[str, Any]:
        return vty.ask_json(self._vty, f"show bgp {_FAMILIES[family]} {command}")

    def _check_answers(self) -> None:
        self._daemon.check_alive()
        try:
            vty.ask(self._vty, "show version")
        except OSError as error:
            raise NotYetError(f"bgpd does not answer yet: {error}") from error

    def _config(self, station: tuple[str, int]) -> str:
        host, port = station
        blocks = [
            f"hostname {self.hostname}",
            f"router bgp {self.asn}",
            f" bgp router-id {self.address}",
            " no bgp ebgp-requires-policy",
            " bgp disable-ebgp-connected-route-check",
            *(line for peer in self.peers.values() for line in self._neighbor(peer)),
            *(line for family in _FAMILIES.values() for line in self._family(family)),
            " bmp targets station",
            *(
                f"  bmp monitor {family} {view}"
                for family in _FAMILIES.values()
                for view in ("pre-policy", "post-policy")
            ),
            f"  bmp connect {host} port {port} min-retry 100 max-retry 200",
            " exit",
            "exit",
        ]
        return "\n".join(blocks) + _POLICY

    def _neighbor(self, peer: FrrPeer) -> list[str]:
        name = f" neighbor {peer.address}"
        reached = ["passive"] if peer.port == 0 else [f"port {peer.port}", "timers connect 1"]
        lines = [f"remote-as {peer.asn}", f"update-source {self.address}", *reached]
        return [f"{name} {line}" for line in lines]

    def _family(self, family: str) -> list[str]:
        lines = [f" address-family {family}"]
        for peer in self.peers.values():
            lines.append(f"  neighbor {peer.address} activate")
            lines.append(f"  neighbor {peer.address} soft-reconfiguration inbound")
            # Else its BMP puts FRR's own AS before every path, as if it announced the route to
            # the peer that it came from (FRRouting/frr#21815).
            lines.append(f"  neighbor {peer.address} attribute-unchanged as-path")
            lines.append(f"  neighbor {peer.address} route-map NOTHING out")
            if peer.policy:
                lines.append(f"  neighbor {peer.address} route-map INBOUND in")
        return [*lines, " exit-address-family"]


def _received_route(entry: dict[str, Any], after: Route | None) -> Route:
    return Route(
        prefix=entry["network"],
        next_hop=entry.get("nextHop") or entry["nextHopGlobal"],
        as_path=as_path(entry["path"]),
        origin=_ORIGINS[entry["bgpOriginCode"]],
        med=entry.get("metric"),
        communities=tuple(c for c in after.communities if c != TAG) if after else (),
        large_communities=after.large_communities if after else (),
    )


def _accepted_route(prefix: str, path: dict[str, Any]) -> Route:
    origin = path["origin"]
    return Route(
        prefix=prefix,
        next_hop=path["nexthops"][0]["ip"],
        as_path=as_path(path["aspath"]["string"]),
        origin=_ORIGINS.get(origin, origin),
        med=path.get("metric"),
        communities=communities(path.get("community", {}).get("string", "").split()),
        large_communities=communities(path.get("largeCommunity", {}).get("string", "").split()),
    )
