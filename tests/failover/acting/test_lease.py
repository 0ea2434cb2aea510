"""One acts: the lease, its clocks, and two controllers over a database that goes away."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from services.failover.acting.journal import LeaseLostError, PlanState
from services.failover.acting.lease import Lease
from services.failover.policy.model import Site
from services.failover.policy.plan import switch
from services.failover.repository import leases
from services.failover.repository.journal import PostgresJournal
from services.failover.repository.lease_store import PostgresLeases
from shared.db.engine import create_engine
from tests.failover.acting.journals import new_id
from tests.failover.acting.world import Clock
from tests.failover.policy.situations import posture
from tests.ingest.unreliable import unreliable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

SECONDS = 30.0


class RealClock(Clock):
    """The event loop's."""

    def __call__(self) -> float:
        return asyncio.get_running_loop().time()


class Row:
    """Implements `LeaseStore` as the database does, with a clock of its own; it may be away."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.holder: str | None = None
        self.generation = 0
        self.expires_at = 0.0
        self.is_away = False
        self.takes_seconds = 0.0

    async def take(self, owner: str, seconds: float) -> int | None:
        await self._answer()
        if self.expires_at > self.clock() and self.holder != owner:
            return None
        self.holder, self.generation = owner, self.generation + 1
        self.expires_at = self.clock() + seconds
        return self.generation

    async def renew(self, generation: int, seconds: float) -> bool:
        await self._answer()
        if generation != self.generation or self.expires_at <= self.clock():
            return False
        self.expires_at = self.clock() + seconds
        return True

    async def give_back(self, generation: int) -> None:
        await self._answer()
        if generation == self.generation:
            self.expires_at = self.clock()

    async def _answer(self) -> None:
        self.clock.seconds += self.takes_seconds
        if self.is_away:
            raise ConnectionRefusedError("it is away")


def lease(row: Row, owner: str = "one") -> Lease:
    return Lease(row, owner=owner, seconds=SECONDS, clock=row.clock, sleep=row.clock.sleep)


async def test_the_first_takes_it_and_the_second_waits_until_it_is_given_back() -> None:
    row = Row(Clock())
    one, two = lease(row, "one"), lease(row, "two")
    await one.once()
    await two.once()
    assert (one.generation, two.generation) == (1, None)
    await one.give_back()
    await two.once()
    assert (one.generation, two.generation) == (None, 2)


async def test_it_is_renewed_at_a_third_of_its_time() -> None:
    row = Row(Clock())
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)
        row.clock.seconds += seconds
        if len(asked) == 10:
            raise asyncio.CancelledError

    one = Lease(row, owner="one", seconds=SECONDS, clock=row.clock, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await one.keep()
    assert asked == [SECONDS / 3] * 10
    assert (row.generation, row.expires_at) == (1, row.clock())  # given back


async def test_while_the_database_is_away_it_is_held_until_shortly_before_its_end() -> None:
    row = Row(Clock())
    one, two = lease(row, "one"), lease(row, "two")
    await one.once()
    row.is_away = True
    row.clock.seconds = SECONDS * 0.89
    await one.once()
    assert one.is_held()
    row.clock.seconds = SECONDS * 0.91
    await one.once()
    assert not one.is_held()
    row.is_away = False
    await two.once()
    assert not two.is_held()
    await one.once()
    assert one.generation == 1  # nobody had it meanwhile


async def test_its_time_counts_from_before_it_was_asked_for() -> None:
    row = Row(Clock())
    one = lease(row)
    row.takes_seconds = 9.0
    await one.once()
    row.takes_seconds = 0.0
    row.clock.seconds = SECONDS * 0.9
    assert not one.is_held()
    assert row.expires_at > row.clock()


async def test_one_that_was_lost_is_lost_at_once_and_comes_back_with_another_generation() -> None:
    row = Row(Clock())
    one, two = lease(row, "one"), lease(row, "two")
    await one.once()
    row.clock.seconds = SECONDS
    await two.once()
    await one.once()
    assert (one.generation, two.generation) == (None, 2)
    await two.give_back()
    await one.once()
    assert one.generation == 3


async def test_what_is_under_way_is_cancelled_when_the_lease_is_lost() -> None:
    row = Row(RealClock())
    one = Lease(row, owner="one", seconds=0.05, clock=row.clock, sleep=asyncio.sleep)
    await one.once()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    with pytest.raises(LeaseLostError):
        await one.while_held(work())
    assert ended.is_set()


async def test_what_ends_while_the_lease_is_held_gives_its_result() -> None:
    row = Row(Clock())
    one = lease(row)
    await one.once()

    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await one.while_held(work()) == 7


async def test_the_database_gives_it_to_one_of_many(engine: AsyncEngine) -> None:
    async def take(number: int) -> int | None:
        async with engine.begin() as conn:
            return await leases.take(conn, str(number), 60)

    taken = await asyncio.gather(*map(take, range(5)))
    assert sorted(one for one in taken if one is not None) == [1]
    async with engine.begin() as conn:
        row = await leases.read(conn)
        assert row is not None
        assert (row.generation, row.is_held) == (1, True)
        assert await leases.renew(conn, 1, 60)
        assert not await leases.renew(conn, 2, 60)
        await leases.give_back(conn, 1)
        assert not await leases.renew(conn, 1, 60)
        assert await leases.take(conn, "another", 60) == 2


async def test_one_that_never_heard_that_it_got_the_lease_need_not_wait_for_itself(
    engine: AsyncEngine, migrated_url: str
) -> None:
    async with unreliable(migrated_url) as (proxy, url):
        cut_off = create_engine(SecretStr(url), application="cut off")
        clock = RealClock()
        one = Lease(
            PostgresLeases(cut_off), owner="one", seconds=60, clock=clock, sleep=asyncio.sleep
        )
        proxy.lose_next("after the commit")
        await one.once()
        assert not one.is_held()
        assert await PostgresLeases(engine).take("two", 60) is None
        await one.once()
        assert one.generation == 2
        await cut_off.dispose()


async def test_one_that_expired_is_neither_renewed_nor_good_for_a_write(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        assert await leases.take(conn, "one", 0.0) == 1
        assert not await leases.renew(conn, 1, 60)
        with pytest.raises(LeaseLostError):
            await leases.fence(conn, 1)


async def test_nobody_takes_the_lease_while_a_write_under_it_is_not_committed(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        generation = await leases.take(conn, "one", 2)
    taken = asyncio.Event()

    async def other() -> int | None:
        while True:
            async with engine.begin() as conn:
                if (number := await leases.take(conn, "two", 60)) is not None:
                    taken.set()
                    return number

    async with engine.begin() as conn:
        await leases.fence(conn, generation)
        waiting = asyncio.create_task(other())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(taken.wait(), 2.3)
    assert await asyncio.wait_for(waiting, 30) == 2


async def test_one_that_freezes_within_a_write_keeps_nobody_from_the_lease(
    engine: AsyncEngine,
) -> None:
    frozen = create_engine(
        SecretStr(engine.url.render_as_string(hide_password=False)),
        application="frozen",
        idle_seconds=1.5,
    )
    held = await PostgresLeases(frozen).take("one", 1.0)
    async with frozen.connect() as conn:
        await leases.fence(conn, held)
        assert await PostgresLeases(engine).take("other", SECONDS) == 2
        with pytest.raises(DBAPIError):
            await conn.commit()
        await conn.invalidate()
    await frozen.dispose()


class Controller:
    """Acts as often as it may, and notes when; its database connection can be cut."""

    def __init__(self, engine: AsyncEngine, owner: str, acts: list[tuple[float, str]]) -> None:
        loop = asyncio.get_running_loop()
        self.lease = Lease(
            PostgresLeases(engine), owner=owner, seconds=0.6, clock=loop.time, sleep=asyncio.sleep
        )
        self._acts = acts

    async def act(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self.lease.is_held():
                self._acts.append((loop.time(), self.lease.owner))
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(controller: Controller) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(controller.lease.keep()), asyncio.create_task(controller.act())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until_acts(acts: list[tuple[float, str]], owner: str) -> None:
    seen = len(acts)
    async with asyncio.timeout(10):
        while owner not in {one for _, one in acts[seen:]}:
            await asyncio.sleep(0.01)


async def test_two_controllers_never_both_act_though_one_loses_its_database(
    engine: AsyncEngine, migrated_url: str
) -> None:
    acts: list[tuple[float, str]] = []
    async with unreliable(migrated_url) as (proxy, url):
        cut = create_engine(SecretStr(url), application="cut")
        one, two = Controller(cut, "one", acts), Controller(engine, "two", acts)
        async with running(one):
            await until_acts(acts, "one")
            async with running(two):
                held = one.lease.generation
                proxy.is_refusing = True
                await cut.dispose()
                await until_acts(acts, "two")
                proxy.is_refusing = False
                journal = PostgresJournal(cut, lambda: held)
                with pytest.raises(LeaseLostError):
                    await journal.open(
                        new_id(),
                        switch(posture(), Site.REMOTE, reason=""),
                        asked_by=None,
                        decision_id=None,
                    )
            await until_acts(acts, "one")
        await cut.dispose()
    owners = [owner for _, owner in acts]
    changes = [
        owner for before, owner in zip([None, *owners], owners, strict=False) if before != owner
    ]
    assert changes == ["one", "two", "one"]


async def test_a_plan_of_one_that_lost_its_lease_is_carried_on_by_the_next(
    engine: AsyncEngine,
) -> None:
    store = PostgresLeases(engine)
    first = await store.take("one", 60)
    assert first is not None
    mine = PostgresJournal(engine, lambda: first)
    plan = switch(posture(), Site.REMOTE, reason="")
    record = await mine.open(new_id(), plan, asked_by=None, decision_id=None)
    await mine.begin(record.plan_id, 0, "id-1", [])
    await store.give_back(first)
    second = await store.take("two", 60)
    theirs = PostgresJournal(engine, lambda: second)
    found = await theirs.running()
    assert found is not None
    assert found.steps[0].request_id == "id-1"
    with pytest.raises(LeaseLostError):
        await mine.close(record.plan_id, PlanState.DONE, detail="", alarm=None, convergence_s=None)
