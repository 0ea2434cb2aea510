"""What a subscription asks for. All that it names must hold; subscriptions add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from services.routes.asking.as_path import AsPathPattern
    from services.routes.live.message import Kind, Message, Network


@dataclass(frozen=True, slots=True)
class Filter:
    """One subscription; None for what it does not name. Equal ones are one to the index."""

    host: str | None = None
    """In lower case."""
    kind: Kind | None = None
    require: str | None = None
    peer: str | None = None
    path: AsPathPattern | None = None
    prefix: Network | None = None
    more_specific: bool = True
    less_specific: bool = False
    family: str | None = None
    rib: str | None = None

    def accepts(self, message: Message) -> bool:
        """Whether all holds but the prefix, which the index has looked at."""
        return (
            (self.kind is None or self.kind == message.kind)
            and (self.peer is None or self.peer == message.peer)
            and (self.host is None or self.host in message.hosts)
            and (self.require is None or self.require in message.data)
            and (self.rib is None or self.rib == message.data.get("rib"))
            and (self.family is None or self.family in message.families)
            and (self.path is None or self._is_on_path(self.path, message))
        )

    def covers(self, network: Network) -> bool:
        """Whether this prefix is one of those that are asked for."""
        mine = self.prefix
        if mine is None:
            return True
        if mine.version != network.version:
            return False
        if network.length < mine.length:
            return self.less_specific and _is_inside(mine, network)
        if network.length > mine.length:
            return self.more_specific and _is_inside(network, mine)
        return network.start == mine.start

    def _is_on_path(self, pattern: AsPathPattern, message: Message) -> bool:
        # What has no AS path is not on it, and not off it either.
        path = message.path
        return path is not None and pattern.matches(path)


def _is_inside(inner: Network, outer: Network) -> bool:
    shift = bits_of(outer.version) - outer.length
    return inner.start >> shift == outer.start >> shift


def bits_of(version: int) -> Literal[32, 128]:
    """Of an address."""
    return 32 if version == 4 else 128
