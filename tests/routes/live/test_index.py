"""Whom a message is for: the index against a matcher that asks every subscription in turn."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from services.routes.live.filters import Filter
from services.routes.live.index import Index
from services.routes.live.message import Message, network_of
from services.routes.live.protocol import read_subscription

if TYPE_CHECKING:
    from collections.abc import Iterable

HOSTS = ("edge-1", "edge-2")
PEERS = ("192.0.2.1", "2001:db8::1")


@st.composite
def prefixes(draw: st.DrawFn) -> str:
    """Few addresses and many lengths, so that they often contain each other."""
    if draw(st.booleans()):
        address, length = draw(st.integers(0, 15)) << 28, draw(st.integers(0, 5))
        return str(ipaddress.ip_network((address, length), strict=False))
    address, length = draw(st.integers(0, 15)) << 124, draw(st.integers(0, 5))
    return str(ipaddress.IPv6Network((address, length), strict=False))


PATHS = st.lists(
    st.one_of(st.integers(1, 4), st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True)),
    max_size=4,
)
PATTERNS = st.sampled_from(["1", "^2", "3$", "1,2", "!2$", "!^1", "^1,[1,2]$", "[2,3]", "^$"])
SUBSCRIPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(HOSTS),
        "type": st.sampled_from(["UPDATE", "RIS_PEER_STATE"]),
        "require": st.sampled_from(["announcements", "withdrawals"]),
        "peer": st.sampled_from(PEERS),
        "path": PATTERNS,
        "prefix": st.one_of(prefixes(), st.lists(prefixes(), min_size=1, max_size=3)),
        "moreSpecific": st.booleans(),
        "lessSpecific": st.booleans(),
    },
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    data: dict[str, Any] = {"id": "1-1", "peer": draw(st.sampled_from(PEERS))}
    host = draw(st.sampled_from(HOSTS))
    if draw(st.integers(0, 4)) == 0:
        return Message("RIS_PEER_STATE", data | {"state": "down"}, hosts=(host,))
    announced = draw(st.lists(prefixes(), max_size=3))
    withdrawn = draw(st.lists(prefixes(), max_size=3))
    if announced:
        data |= {"announcements": [{"prefixes": announced}], "path": draw(PATHS)}
    if withdrawn:
        data["withdrawals"] = withdrawn
    return Message("UPDATE", data, hosts=(host,), prefixes=[*announced, *withdrawn])


def is_asked_for(asked: dict[str, Any], prefix: str | None, message: Message) -> bool:
    """What RIS Live's manual says of one subscription, with `prefix` as one of its prefixes."""
    (one,) = read_subscription({k: v for k, v in asked.items() if k != "prefix"}).filters
    pattern = one.path
    return (
        asked.get("type") in (None, message.kind)
        and asked.get("host") in (None, *message.hosts)
        and asked.get("peer") in (None, message.peer)
        and asked.get("require") in (None, *message.data)
        and (pattern is None or ("path" in message.data and pattern.matches(message.data["path"])))
        and (prefix is None or any(_covers(asked, prefix, other) for other in message.prefixes))
    )


def _covers(asked: dict[str, Any], mine: str, other: str) -> bool:
    wanted, seen = ipaddress.ip_network(mine), ipaddress.ip_network(other)
    if wanted.version != seen.version:
        return False
    return (
        wanted == seen
        or (asked.get("moreSpecific", True) and seen.subnet_of(wanted))  # type: ignore[arg-type]
        or (asked.get("lessSpecific", False) and wanted.subnet_of(seen))  # type: ignore[arg-type]
    )


def asked_prefixes(asked: dict[str, Any]) -> list[str | None]:
    wanted = asked.get("prefix")
    return wanted if isinstance(wanted, list) else [wanted]


def filters_of(subscriptions: Iterable[dict[str, Any]]) -> set[Filter]:
    return {one for asked in subscriptions for one in read_subscription(asked).filters}


@given(st.lists(SUBSCRIPTIONS, max_size=8), st.lists(messages(), min_size=1, max_size=4))
def test_the_index_finds_what_a_search_of_all_subscriptions_finds(
    subscriptions: list[dict[str, Any]], seen: list[Message]
) -> None:
    index = Index()
    for one in filters_of(subscriptions):
        index.add(one)
    for message in seen:
        wanted = {
            one
            for asked in subscriptions
            for prefix in asked_prefixes(asked)
            if is_asked_for(asked, prefix, message)
            for one in read_subscription(asked | ({"prefix": prefix} if prefix else {})).filters
        }
        assert index.of(message) == wanted


@given(st.lists(SUBSCRIPTIONS, max_size=8), messages(), st.randoms(use_true_random=False))
def test_what_is_removed_is_not_found_and_the_rest_is(
    subscriptions: list[dict[str, Any]], message: Message, pick: Any
) -> None:
    everything = sorted(filters_of(subscriptions), key=repr)
    kept = {one for one in everything if pick.random() < 0.5}
    index, other = Index(), Index()
    for one in everything:
        index.add(one)
    for one in everything:
        if one in kept:
            other.add(one)
        else:
            index.remove(one)
    assert index.of(message) == other.of(message)


@given(prefixes(), prefixes(), st.booleans(), st.booleans())
def test_a_filter_covers_what_ipaddress_says(
    mine: str, other: str, more_specific: bool, less_specific: bool
) -> None:
    wanted = Filter(
        prefix=network_of(mine), more_specific=more_specific, less_specific=less_specific
    )
    asked = {"moreSpecific": more_specific, "lessSpecific": less_specific}
    assert wanted.covers(network_of(other)) is _covers(asked, mine, other)


def test_ten_thousand_prefixes_cost_a_message_no_more_than_one() -> None:
    asked = {"prefix": [f"10.{i >> 8}.{i & 255}.0/24" for i in range(10_000)]}
    index = Index()
    for one in read_subscription(asked | {"lessSpecific": True}).filters:
        index.add(one)
    message = Message("UPDATE", {"id": "1", "peer": "1"}, hosts=(), prefixes=["10.1.2.0/25"])
    assert [one.prefix for one in index.of(message)] == [network_of("10.1.2.0/24")]
    assert len(list(index._candidates(message))) == 1
