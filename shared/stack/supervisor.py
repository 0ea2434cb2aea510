"""Starts components in order, keeps them running, stops them in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from shared.backoff import Backoff
from shared.errors import UserError
from shared.stack.child import Child

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.stack.component import Component
    from shared.stack.stream import LogStream

log = structlog.get_logger()

_PROBE_SECONDS = 0.05


class Supervisor:
    """Runs components as child processes. `start` once, then `stop` once, whatever happened."""

    def __init__(
        self, components: Sequence[Component], stream: LogStream, backoff: Backoff | None = None
    ) -> None:
        self._components = components
        self._stream = stream
        self._backoff = backoff or Backoff()
        self._ready = {component.name: asyncio.Event() for component in components}
        self._children: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._hurry = asyncio.Event()

    async def start(self) -> None:
        """Returns when every component is ready; UserError when one of them cannot be."""
        try:
            async with asyncio.TaskGroup() as group:
                for component in self._components:
                    group.create_task(self._bring_up(component))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def stop(self) -> None:
        """Stops everything, last started first. No process is left when it returns."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        # What is not in the list was started later than everything that is.
        names = [*(component.name for component in self._components), *self._children]
        for name in sorted(self._children, key=names.index, reverse=True):
            child = self._children.pop(name)
            if not child.ended:
                log.info("stopping", component=name, pid=child.pid)
                await child.stop(self._hurry)
                log.info("stopped", component=name, ended_with=await child.ending())

    def hurry(self) -> None:
        """Makes `stop` kill what it would otherwise wait for."""
        self._hurry.set()

    async def launch(self, component: Component) -> Child:
        """Starts a program that is stopped with the others, but not started again.

        UserError where the system has no process, file descriptor or program for it.
        """
        try:
            if component.prepare is not None:
                await asyncio.to_thread(component.prepare)
            child = await Child.start(component, self._stream)
        except OSError as error:
            raise UserError(f"{component.name} could not be started: {error}") from error
        self._children[component.name] = child
        log.info("started", component=component.name, pid=child.pid)
        return child

    async def _bring_up(self, component: Component) -> None:
        for need in component.needs:
            await self._ready[need].wait()
        child = await self.launch(component)
        try:
            async with asyncio.timeout(component.start_seconds):
                done = await self._becomes_ready(child)
        except TimeoutError:
            raise UserError(
                f"{component.name} is not ready after {component.start_seconds:g} s; "
                "its log lines say why"
            ) from None
        if not done:
            raise UserError(f"{component.name} could not be started: {await child.ending()}")
        self._ready[component.name].set()
        if component.is_ready is not None:
            keeper = asyncio.create_task(self._keep(child))
            keeper.add_done_callback(functools.partial(_told_when_unexpected, component))
            self._keepers.append(keeper)

    async def _keep(self, child: Child) -> None:
        """Starts a component again whenever it has ended."""
        component, clock = child.component, asyncio.get_running_loop().time
        deaths, ready_at = 0, clock()
        reason = await child.ending()
        while True:
            healthy = clock() - ready_at >= self._backoff.healthy_after
            deaths, ready_at = 1 if healthy else deaths + 1, math.inf
            await self._pause(component, reason, self._backoff.delay(deaths))
            try:
                child = await self.launch(component)
                if await self._becomes_ready(child):
                    ready_at = clock()
                reason = await child.ending()
            except UserError as error:
                reason = str(error)

    async def _pause(self, component: Component, reason: str, seconds: float) -> None:
        log.error(
            "component ended",
            component=component.name,
            reason=reason,
            again_in_s=round(seconds, 2),
            again_at=f"{datetime.now(UTC) + timedelta(seconds=seconds):%H:%M:%SZ}",
        )
        await asyncio.sleep(seconds)

    async def _becomes_ready(self, child: Child) -> bool:
        """True when the component is ready (or has done its work), False when it has failed."""
        component = child.component
        if component.is_ready is None:
            return await child.wait() == 0
        while not await child.ends_within(_PROBE_SECONDS):
            with contextlib.suppress(OSError):  # such as no file descriptor left to ask with
                if await component.is_ready():
                    log.info("ready", component=component.name)
                    return True
        return False


def _told_when_unexpected(component: Component, keeper: asyncio.Task[None]) -> None:
    if not keeper.cancelled():
        log.critical(
            "not kept running any more", component=component.name, exc_info=keeper.exception()
        )
