"""Routes that come and go without a pause end as their router said last."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.ingest import speaker
from tests.ingest.processes import program

if TYPE_CHECKING:
    from asyncio import StreamWriter

PEER = speaker.Peer()
EVENTS = 200_000
PREFIXES = [f"10.{i >> 8}.{i & 255}.0/24" for i in range(500)]
MEDS = 4
DEADLINE = 90.0

ANNOUNCED = [[speaker.announce(PEER, one, med=med) for one in PREFIXES] for med in range(MEDS)]
WITHDRAWN = [speaker.withdraw(PEER, one) for one in PREFIXES]

STATES = """
SELECT host(t.address), r.prefix::text, CASE WHEN NOT r.is_withdrawn THEN a.med END
  FROM rib.route AS r JOIN rib.peer_rib USING (rib_id) JOIN rib.peer USING (peer_id)
  JOIN rib.router AS t USING (router_id) JOIN rib.path_attributes AS a USING (attr_id)
"""
# Where the history alternates, each withdrawal is between two announcements of its route.
NOT_ALTERNATING = """
SELECT count(*) FROM (
    SELECT (attr_id IS NULL) AS is_withdrawal,
           lag(attr_id IS NULL) OVER (PARTITION BY rib_id, prefix ORDER BY seq) AS before
      FROM rib.route_event) AS events
 WHERE is_withdrawal = before
"""


async def flap(router: StreamWriter, rounds: int) -> None:
    """Announces and withdraws each prefix in turn; routes with an even number stay in the end."""
    router.write(speaker.initiation() + speaker.peer_up(PEER))
    for number in range(rounds):
        announced, is_last = ANNOUNCED[number % MEDS], number == rounds - 1
        for i, withdrawal in enumerate(WITHDRAWN):
            router.write(announced[i] + (b"" if is_last and i % 2 == 0 else withdrawal))
            if i % 50 == 0:
                await router.drain()


def expected(address: str, rounds: int) -> set[tuple[str, str, int | None]]:
    """What `flap` leaves."""
    med = (rounds - 1) % MEDS
    return {(address, one, None if i % 2 else med) for i, one in enumerate(PREFIXES)}


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("workers", "routers"), [(1, 1), (1, 5), (4, 10)])
async def test_routes_that_flap_end_as_their_router_said_last(
    database_url: str, workers: int, routers: int
) -> None:
    rounds = EVENTS // (2 * len(PREFIXES) * routers) + 1
    addresses = [f"127.0.1.{number}" for number in range(1, routers + 1)]
    events = routers * (2 * rounds * len(PREFIXES) - len(PREFIXES) // 2)
    async with contextlib.AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            program(database_url, INGEST_WORKERS=str(workers))
        )
        await service.ready()
        port = (await service.line("listening for routers"))["port"]
        connections = [
            await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            for address in addresses
        ]
        for _, router in connections:
            stack.callback(router.close)
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(flap(router, rounds) for _, router in connections))
            while (await service.stats())["committed_routes"] < events:
                await asyncio.sleep(0.1)
        if workers > 1:
            shares = (await service.ready())["station"]["workers"].values()
            assert sum(share["connections"] > 0 for share in shares) > 1
        conn = await asyncpg.connect(database_url)
        states = {tuple(row) for row in await conn.fetch(STATES)}
        assert states == set().union(*(expected(address, rounds) for address in addresses))
        assert await conn.fetchval("SELECT count(*) FROM rib.route_event") == events
        assert await conn.fetchval(NOT_ALTERNATING) == 0
        await conn.close()
