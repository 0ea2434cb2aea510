"""Those who watch see a gap, however short."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.failover.policy.model import Site
from tests.failover.end_to_end.edge import Watcher
from tests.failover.end_to_end.store import Heard, gaps
from tests.routers.harness.waiting import NotYetError, eventually

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def heard(*told: str) -> list[Heard]:
    """`+a` is announced by a, `-a` is withdrawn by it."""
    return [Heard(NOW, one[1:], "adj_in_pre", one[0] == "+") for one in told]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("+a +b -a", 0),
        ("+a +b -a +a -b", 0),
        ("+a -a +b", 1),
        ("+a +b -a -b", 1),
        ("+a +a -a +b -b", 2),
    ],
)
def test_a_gap_in_what_bmp_brought_is_found(told: str, found: int) -> None:
    assert len(gaps(heard(*told.split()))) == found


class Upstream:
    """Has what it is told to have."""

    def __init__(self) -> None:
        self.has = frozenset({Site.LOCAL})
        self.is_away = False

    def sources(self) -> frozenset[Site]:
        if self.is_away:
            raise ConnectionRefusedError
        return self.has


def test_a_gap_in_the_table_of_the_upstream_is_found() -> None:
    upstream = Upstream()
    watcher = Watcher(upstream)
    watcher.start()
    watcher.check()
    upstream.has = frozenset()
    eventually(lambda: until_seen(watcher, 2))
    upstream.has = frozenset({Site.REMOTE})
    eventually(lambda: until_seen(watcher, 3))
    with pytest.raises(AssertionError, match="had no route to"):
        watcher.check()
    watcher.stop()


def test_an_upstream_that_cannot_be_asked_any_more_is_no_good_news() -> None:
    upstream = Upstream()
    watcher = Watcher(upstream)
    watcher.start()
    upstream.is_away = True

    def check() -> None:
        watcher.check()
        raise NotYetError("all seems well")

    with pytest.raises(ConnectionRefusedError):
        eventually(check)
    watcher.stop()


def until_seen(watcher: Watcher, sights: int) -> None:
    if len(watcher.sights) < sights:
        raise NotYetError(str(watcher.sights))
