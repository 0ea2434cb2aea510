"""What changed is counted as it happens, the same however it falls into batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ingest import speaker
from tests.ingest.conftest import running

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
OTHER = speaker.Peer("192.0.2.2", 64502)
OF_PREFIXES = """
SELECT host(prefix), sum(updates)::int4, sum(withdrawals)::int4, sum(path_changes)::int4
  FROM rib.churn_prefix GROUP BY prefix ORDER BY prefix
"""
OF_PEERS = """
SELECT host(address), sum(updates)::int4, sum(withdrawals)::int4, sum(path_changes)::int4
  FROM rib.churn_peer JOIN rib.peer USING (peer_id) GROUP BY address ORDER BY address
"""
OF_ORIGINS = """
SELECT origin_asn, sum(updates)::int4, sum(withdrawals)::int4, sum(path_changes)::int4
  FROM rib.churn_origin GROUP BY origin_asn ORDER BY origin_asn
"""

ONE, TWO, GONE = (64501, 64510), (64501, 64520), None
STORIES: dict[str, tuple[tuple[tuple[int, ...] | None, ...], tuple[int, int, int] | None]] = {
    "10.0.0.0": ((ONE,), None),
    "10.1.0.0": ((ONE, ONE), None),
    "10.2.0.0": ((ONE, TWO), (1, 0, 1)),
    "10.3.0.0": ((ONE, TWO, GONE, TWO), (2, 1, 1)),
    "10.4.0.0": ((ONE, GONE, GONE), (0, 1, 0)),
    "10.5.0.0": ((GONE,), None),
    "10.6.0.0": ((GONE, ONE), None),
    "10.7.0.0": ((GONE, ONE, TWO), (1, 0, 1)),
    "10.8.0.0": ((GONE, ONE, GONE, ONE), (1, 1, 0)),
}
"""What is said of a prefix one after the other, and the updates, withdrawals and path changes."""
EXPECTED = [(prefix, *counts) for prefix, (_, counts) in STORIES.items() if counts]


def said(prefix: str, path: tuple[int, ...] | None, peer: speaker.Peer = PEER) -> bytes:
    if path is None:
        return speaker.withdraw(peer, f"{prefix}/16")
    return speaker.announce(peer, f"{prefix}/16", path=path)


@pytest.mark.parametrize("rows", [1, 2, 1_000])
async def test_the_changes_of_a_prefix_are_counted_the_same_in_one_batch_and_in_many(
    migrated_url: str, rows: int
) -> None:
    async with running(migrated_url, ingest_batch_rows=rows, ingest_batch_seconds=1) as ingest:
        stories = [said(prefix, path) for prefix, (paths, _) in STORIES.items() for path in paths]
        await ingest.say(speaker.peer_up(PEER), *stories)
        assert await ingest.rows(OF_PREFIXES) == EXPECTED


async def test_changes_are_counted_for_each_peer_and_origin(ingest: Ingest) -> None:
    await ingest.say(
        *(speaker.peer_up(peer) for peer in (PEER, OTHER)),
        *(said("10.0.0.0", path) for path in (ONE, TWO)),
        *(said("10.1.0.0", path, OTHER) for path in (ONE, GONE, ONE)),
    )
    assert await ingest.rows(OF_PEERS) == [("192.0.2.1", 1, 0, 1), ("192.0.2.2", 1, 1, 0)]
    assert await ingest.rows(OF_ORIGINS) == [(64510, 1, 1, 0), (64520, 1, 0, 1)]


async def test_a_table_that_is_sent_again_is_no_churn(ingest: Ingest) -> None:
    for _ in range(3):
        await ingest.say(speaker.peer_up(PEER), said("10.0.0.0", ONE), said("10.1.0.0", TWO))
    assert await ingest.rows(OF_PREFIXES) == []
