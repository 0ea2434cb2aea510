"""The database's connection is lost at any write of the journal, before its commit or after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from services.failover.acting.executor import Executor
from services.failover.acting.journal import PlanState
from services.failover.policy.model import Site, StepKind
from services.failover.policy.plan import switch
from services.failover.repository import leases, plans
from services.failover.repository.journal import PostgresJournal
from shared.db.engine import create_engine
from tests.failover.acting.journals import new_id
from tests.failover.acting.world import TIMING, Eyes, Provider, World
from tests.ingest.unreliable import unreliable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.failover.acting.journal import Journal
    from services.failover.policy.model import Step
    from tests.ingest.unreliable import Cut, UnreliableProxy

WRITES = 15
"""Of a plan that goes well: it is opened, five steps are begun and ended, three of them are
answered, it is closed."""


class _Provider(Provider):
    """Looks into the database for what was written down first."""

    def __init__(self, world: World, engine: AsyncEngine) -> None:
        super().__init__(world)
        self._engine = engine

    async def apply(self, step: Step, *, request_id: str) -> None:
        async with self._engine.connect() as conn:
            plan = await plans.running(conn)
        assert plan is not None
        (it,) = (one for one in plan.steps if one.request_id == request_id)
        assert it.step == step
        await super().apply(step, request_id=request_id)

    def _was_written_down_first(self, step: Step, request_id: str) -> None:
        assert self._world.sent.setdefault(request_id, step) == step


class _Losing:
    """A journal that loses its connection in one of its writes."""

    def __init__(self, inner: Journal, proxy: UnreliableProxy, at: int, cut: Cut) -> None:
        self._inner, self._proxy, self._cut = inner, proxy, cut
        self._left = at

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name not in ("aborted", "sent"):
            if self._left == 0:
                self._proxy.lose_next(self._cut)
            self._left -= 1
        write: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._inner, name)
        return write


def executor(world: World, engine: AsyncEngine, journal: Any) -> Executor:
    acting = (StepKind.ADVERTISE, StepKind.WITHDRAW, StepKind.PREFER)
    return Executor(
        journal,
        dict.fromkeys(acting, _Provider(world, engine)),
        _Eyes(world),
        timing=TIMING,
        clock=world.clock,
        sleep=world.clock.sleep,
        new_id=new_id,
        may_go_on=lambda: True,
    )


class _Eyes(Eyes):
    async def confirm(self, step: Step, *, since: Any) -> Any:
        # The database has another clock than the world.
        return await super().confirm(step, since=self._world.clock.now())


@pytest.mark.parametrize("cut", ["before the commit", "after the commit"])
async def test_a_plan_is_carried_on_from_whatever_the_database_has(
    engine: AsyncEngine, migrated_url: str, cut: Cut
) -> None:
    async with engine.begin() as conn:
        generation = await leases.take(conn, "one", 600)
    sound = PostgresJournal(engine, lambda: generation)
    async with unreliable(migrated_url) as (proxy, url):
        cut_off = create_engine(SecretStr(url), application="cut off")
        for at in range(WRITES):
            world = World()
            losing = _Losing(PostgresJournal(cut_off, lambda: generation), proxy, at, cut)
            plan = switch(world.posture(), Site.REMOTE, reason="a test")
            with pytest.raises((DBAPIError, OSError)):
                await executor(world, engine, losing).carry_out(plan)
            ended = await executor(world, engine, sound).resume()
            was_written = at > 0 or cut == "after the commit"
            was_closed = at == WRITES - 1 and cut == "after the commit"
            assert (ended is not None) is (was_written and not was_closed)
            assert ended is None or ended.state is PlanState.DONE
            assert world.advertised == {Site.LOCAL: not was_written, Site.REMOTE: was_written}
        assert proxy.lost == WRITES
        await cut_off.dispose()
