"""One RIS Live message: what it says, and its octets, which are made once for all who get it."""

from __future__ import annotations

from functools import cached_property
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["UPDATE", "OPEN", "NOTIFICATION", "KEEPALIVE", "RIS_PEER_STATE"]


class Network(NamedTuple):
    """A prefix as numbers: `start` is its address, of 32 or 128 bits."""

    version: int
    start: int
    length: int


def network_of(prefix: str) -> Network:
    """Of a prefix in canonical form, as the store has it."""
    address, _, length = prefix.partition("/")
    if ":" in address:
        return Network(6, int.from_bytes(inet_pton(AF_INET6, address), "big"), int(length))
    return Network(4, int.from_bytes(inet_pton(AF_INET, address), "big"), int(length))


class Message:
    """A `ris_message` with its `data`.

    `prefixes` are those that it announces or withdraws, of any family, `hosts` the names by which
    its router is known.
    """

    def __init__(
        self,
        kind: Kind,
        data: dict[str, Any],
        *,
        hosts: Sequence[str],
        prefixes: Sequence[str] = (),
        families: Sequence[str] = (),
    ) -> None:
        self.kind: Kind = kind
        self.data = data
        self.hosts = hosts
        self.prefixes = prefixes
        self.families = families

    @property
    def id(self) -> str:
        """`<node>-<number>`."""
        return str(self.data["id"])

    @property
    def peer(self) -> str:
        """The peer's address."""
        return str(self.data["peer"])

    @property
    def path(self) -> list[int | list[int]] | None:
        """The AS path; None where it has none: what withdraws, or is no UPDATE."""
        return self.data.get("path")

    @cached_property
    def networks(self) -> list[Network]:
        """The prefixes as numbers."""
        return [network_of(one) for one in self.prefixes]

    @cached_property
    def body(self) -> bytes:
        """The message as JSON."""
        return orjson.dumps({"type": "ris_message", "data": self.data})

    @cached_property
    def text(self) -> str:
        """The body for a WebSocket."""
        return self.body.decode()
