"""GoBGP: one gobgpd and what it says of its own tables."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tests.routers.harness.gobgp_config import GobgpPeer, monitored, neighbor, speaker
from tests.routers.harness.process import Daemon
from tests.routers.harness.table import AsPath, Route, Table, communities, table
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_ADDRESS_FAMILIES = {"ipv4_unicast": "ipv4", "ipv6_unicast": "ipv6"}
_ORIGIN, _AS_PATH, _NEXT_HOP, _MED, _COMMUNITIES = 1, 2, 3, 4, 8  # path attribute type codes
_MP_REACH_NLRI, _LARGE_COMMUNITIES = 14, 32
_ORIGINS = ("igp", "egp", "incomplete")
_ANSWER_WITHIN_S = 10.0
_AS_SET = 1  # RFC 4271 section 4.3


class Gobgpd:
    """One gobgpd process; `GobgpMonitored` and `GobgpFeeder` say what it is for."""

    def __init__(
        self, directory: Path, name: str, address: str, api_port: int, config: str
    ) -> None:
        self.name = name
        self.address = address
        self._api = (address, api_port)
        path = directory / f"{name}.toml"
        path.write_text(config)
        self._daemon = Daemon(
            name,
            [
                "gobgpd",
                "-t",
                "toml",
                "-f",
                str(path),
                "--pprof-disable",
                "--api-hosts",
                f"{address}:{api_port}",
            ],
            directory,
        )

    @property
    def daemons(self) -> tuple[Daemon]:
        return (self._daemon,)

    def start(self) -> None:
        self._daemon.start()
        eventually(self._check_answers)

    def stop(self) -> None:
        self._daemon.stop()

    def command(self, *words: str) -> str:
        """The answer of `gobgp WORDS`; raises CalledProcessError where gobgp refuses."""
        host, port = self._api
        answer = subprocess.run(
            ["gobgp", "--host", host, "--port", str(port), *words],
            check=True,
            capture_output=True,
            text=True,
            timeout=_ANSWER_WITHIN_S,
        )
        return answer.stdout

    def check_established(self, peer: str) -> None:
        """Raises NotYetError until the BGP session to `peer` is up."""
        state = json.loads(self.command("neighbor", peer, "-j"))["state"].get("session_state")
        if state != 6:  # BGP_STATE_ESTABLISHED of RFC 4273
            raise NotYetError(f"{self.name} says that peer {peer} is in state {state}")

    def _check_answers(self) -> None:
        self._daemon.check_alive()
        try:
            self.command("global")
        except subprocess.CalledProcessError as error:
            raise NotYetError(f"{self.name} does not answer yet: {error.stderr}") from error


class GobgpMonitored(Gobgpd):
    """The router whose BMP goes to `station`: every view, with an inbound policy."""

    def __init__(
        self,
        directory: Path,
        *,
        listen: tuple[str, int],
        api_port: int,
        asn: int,
        peers: Sequence[GobgpPeer],
        station: tuple[str, int],
        name: str = "gobgp-edge",
    ) -> None:
        address, self.port = listen
        self.asn = asn
        config = speaker(address, asn, self.port) + monitored(name, station)
        config += "".join(neighbor(address, peer, "receive = true") for peer in peers)
        super().__init__(directory, name, address, api_port, config)

    def received(self, peer: str, family: str) -> Table:
        """The routes of `peer` before the inbound policy (Adj-RIB-In); none while it is down."""
        try:
            paths = self._paths("neighbor", peer, "adj-in", "-a", _ADDRESS_FAMILIES[family])
        except subprocess.CalledProcessError as error:
            if "not established" not in f"{error.stdout}{error.stderr}":
                raise
            paths = []
        return table(_route(path) for path in paths)

    def accepted(self, peer: str, family: str) -> Table:
        """The routes of `peer` after the inbound policy."""
        words = ("global", "rib", "-a", _ADDRESS_FAMILIES[family])
        return table(_route(path) for path in self._paths(*words) if path["neighbor-ip"] == peer)

    def best(self, family: str) -> Table:
        """The best route to each prefix (Loc-RIB)."""
        words = ("global", "rib", "-a", _ADDRESS_FAMILIES[family])
        return table(_route(path) for path in self._paths(*words) if path["best"])

    def paths(self, peer: str, family: str) -> list[dict[str, Any]]:
        """Every path of `peer` before the policy as gobgp shows it; `family` in gobgp's words."""
        return self._paths("neighbor", peer, "adj-in", "-a", family)

    def best_paths(self, family: str) -> list[dict[str, Any]]:
        """The best path to each destination in the same form."""
        return [path for path in self._paths("global", "rib", "-a", family) if path["best"]]

    def shut(self, peer: str) -> None:
        """Takes the session to `peer` down and keeps it down."""
        self.command("neighbor", peer, "disable")

    def unshut(self, peer: str) -> None:
        """Lets `peer` connect again."""
        self.command("neighbor", peer, "enable")

    def _paths(self, *words: str) -> list[dict[str, Any]]:
        by_prefix: dict[str, list[dict[str, Any]]] = json.loads(self.command(*words, "-j"))
        return [path for paths in by_prefix.values() for path in paths]


class GobgpFeeder(Gobgpd):
    """A peer that announces what a test injects into it, and keeps it over a reset."""

    def __init__(
        self,
        directory: Path,
        *,
        listen: tuple[str, int],
        api_port: int,
        asn: int,
        router: GobgpPeer,
    ) -> None:
        address, port = listen
        self.asn = asn
        config = speaker(address, asn, port)
        config += neighbor(address, router, "send-max = 8")
        super().__init__(directory, f"gobgp-{address}", address, api_port, config)

    def announce(self, routes: Iterable[Route], path_id: int = 0) -> None:
        """Adds the routes; a second one to a prefix needs another `path_id`."""
        for route in routes:
            self.command(*_rib(route, "add"), *_identifier(path_id), *self._attributes(route))

    def withdraw(self, routes: Iterable[Route], path_id: int = 0) -> None:
        for route in routes:
            self.command(*_rib(route, "del"), *_identifier(path_id))

    def inject(self, family: str, *words: str) -> None:
        """Adds a route of any family, in gobgp's own words."""
        self.command("global", "rib", "add", "-a", family, *words)

    def take_back(self, family: str, *words: str) -> None:
        """Withdraws a route that was injected with the same words."""
        self.command("global", "rib", "del", "-a", family, *words)

    def _attributes(self, route: Route) -> list[str]:
        if not route.as_path or route.as_path[0] != self.asn:
            raise ValueError(f"gobgpd prepends its own AS {self.asn}; the path does not begin so")
        words = ["nexthop", route.next_hop, "origin", route.origin]
        if len(route.as_path) > 1:
            words += ["aspath", _path_text(route.as_path[1:])]
        if route.med is not None:
            words += ["med", str(route.med)]
        if route.communities:
            words += ["community", ",".join(route.communities)]
        if route.large_communities:
            words += ["large-community", ",".join(route.large_communities)]
        return words


def _rib(route: Route, action: str) -> tuple[str, ...]:
    return ("global", "rib", action, "-a", _ADDRESS_FAMILIES[route.family], route.prefix)


def _identifier(path_id: int) -> tuple[str, ...]:
    return ("identifier", str(path_id)) if path_id else ()


def _path_text(path: AsPath) -> str:
    return " ".join(
        str(element)
        if isinstance(element, int)
        else "{" + ",".join(str(asn) for asn in sorted(element)) + "}"
        for element in path
    )


def _route(path: dict[str, Any]) -> Route:
    attributes = {attribute["type"]: attribute for attribute in path["attrs"]}
    next_hop = attributes.get(_NEXT_HOP) or attributes[_MP_REACH_NLRI]
    return Route(
        prefix=path["nlri"]["prefix"],
        next_hop=next_hop["nexthop"],
        as_path=_as_path(attributes.get(_AS_PATH, {}).get("as_paths", [])),
        origin=_ORIGINS[attributes[_ORIGIN]["value"]],
        med=attributes.get(_MED, {}).get("metric"),
        communities=communities(
            f"{value >> 16}:{value & 0xFFFF}"
            for value in attributes.get(_COMMUNITIES, {}).get("communities", [])
        ),
        large_communities=communities(
            f"{value['ASN']}:{value['LocalData1']}:{value['LocalData2']}"
            for value in attributes.get(_LARGE_COMMUNITIES, {}).get("value", [])
        ),
    )


def _as_path(segments: list[dict[str, Any]]) -> AsPath:
    path: list[int | frozenset[int]] = []
    for segment in segments:
        if segment["segment_type"] == _AS_SET:
            path.append(frozenset(segment["asns"]))
        else:
            path += segment["asns"]
    return tuple(path)
