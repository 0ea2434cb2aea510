"""Two sites in memory, with providers that fail in every way that is known of, and a clock.

Nothing here ever waits, so a coroutine runs to its end at once: `run` needs no event loop. Every
call of the executor passes a point before it and one after it, and at any point it may crash.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from services.failover.acting.actuator import (
    ActionError,
    Done,
    NotDone,
    OutcomeUnknownError,
    Request,
)
from services.failover.acting.exchanges import Call, Exchange, record
from services.failover.acting.executor import Executor, Timing
from services.failover.acting.journal import StepState
from services.failover.acting.memory import MemoryJournal
from services.failover.policy.model import Posture, Site, Step, StepKind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from services.failover.acting.earlier import Earlier

Result = TypeVar("Result")

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIMING = Timing(deadlines=dict.fromkeys(StepKind, 30.0), poll=5.0, plan=900.0)
BETTER, WORSE = 100, 200


class Crash(BaseException):
    """The process ends here."""


class Busy(ActionError):
    """What a rate limit is."""

    may_pass = True
    wait = 10.0


class Fault(Enum):
    """What a provider does the next time that it is asked for a change."""

    YES_AND_NOTHING = "it says yes, and nothing happens"
    TIMEOUT_AFTER = "no answer comes, but it has happened"
    TIMEOUT_BEFORE = "no answer comes, and it has not happened"
    HALF = "it does half of it and refuses the rest"
    REFUSED = "it refuses"
    UNREADABLE = "it cannot be read the next few times"
    BUSY = "it has too much to do, and takes no change now"
    LATE = "no answer comes, and it happens a while later"
    VERY_LATE = "it is accepted, and is done only when nobody waits for it any more"
    ASTRAY = "it is on its way for a while, and nobody can know of it until it arrives"


LATE_SECONDS = {Fault.LATE: 20.0, Fault.VERY_LATE: 400.0, Fault.ASTRAY: 20.0}
LANDING_SECONDS = 25.0
"""After its step has ended, a request arrives within this or never."""


class Clock:
    """Seconds that pass when somebody sleeps, and never otherwise."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.has_passed: Callable[[], None] = lambda: None

    def go_on(self, seconds: float) -> None:
        self.seconds += seconds
        self.has_passed()

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.go_on(seconds)


class Points:
    """Where it may crash, lose its lease or be told to stop: so many points from now on it does."""

    def __init__(self) -> None:
        self.crash_after: int | None = None
        self.lose_after: int | None = None
        self.abort_after: int | None = None
        self.leader = 0
        self.abort: Callable[[], None] = lambda: None
        self.take_over: Callable[[], None] = lambda: None
        """What the next leader does before the one that lost its lease goes on."""

    def here(self) -> None:
        if self._is_it("lose_after"):
            self.leader += 1
            self.take_over()
        if self._is_it("abort_after"):
            self.abort()
        if self._is_it("crash_after"):
            raise Crash

    def clear(self) -> None:
        self.crash_after = self.lose_after = self.abort_after = None

    def _is_it(self, name: str) -> bool:
        left: int | None = getattr(self, name)
        if left is None:
            return False
        setattr(self, name, left - 1 if left else None)
        return not left

    def around(self, inner: Any) -> Any:
        """The same object, with a point before and after each of its calls."""
        return _Perilous(inner, self)


class _Perilous:
    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            self._points.here()
            result = await getattr(self._inner, name)(*arguments, **named)
            self._points.here()
            return result

        return call


@dataclass
class World:
    """How things are. It fails at once when a rule is broken."""

    clock: Clock = field(default_factory=Clock)
    points: Points = field(default_factory=Points)
    advertised: dict[Site, bool] = field(
        default_factory=lambda: {Site.LOCAL: True, Site.REMOTE: False}
    )
    priority: dict[Site, int] = field(
        default_factory=lambda: {Site.LOCAL: BETTER, Site.REMOTE: WORSE}
    )
    faults: dict[StepKind, deque[Fault]] = field(
        default_factory=lambda: {kind: deque() for kind in StepKind}
    )
    unreadable: int = 0
    is_away_for: Site | None = None
    """The site whose provider does not answer at all."""
    is_bmp_deaf: bool = False
    """The network does not do what the providers say."""
    is_bmp_gone: bool = False
    sent: dict[str, Step] = field(default_factory=dict)
    id_of: dict[tuple[str, int], str] = field(default_factory=dict)
    """By plan and step: a step is sent again with the same."""
    late: dict[str, tuple[float, Step]] = field(default_factory=dict)
    """By request id what the provider has taken, and when it is done."""
    astray: list[tuple[float, Step, str]] = field(default_factory=list)
    """What it has not taken yet, with when it will, and the request id."""
    has_landed: bool = False
    """Whether something late was done."""
    done: set[str] = field(default_factory=set)
    """Requests to routers that were carried out: none is a second time."""
    ids: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.seen = dict(self.advertised)
        self.journal = MemoryJournal(self.clock.now)
        self.clock.has_passed = self._do_late
        self.points.abort = self._abort

    def journal_of(self, leader: int) -> MemoryJournal:
        """The same journal, for one that leads as long as no other does."""
        journal = MemoryJournal(self.clock.now, lambda: self.points.leader == leader)
        journal.plans, journal.aborts = self.journal.plans, self.journal.aborts
        return journal

    @property
    def preferred(self) -> Site | None:
        local, remote = self.priority[Site.LOCAL], self.priority[Site.REMOTE]
        if local == remote:
            return None
        return Site.LOCAL if local < remote else Site.REMOTE

    def posture(self) -> Posture:
        return Posture(self.clock.now(), dict(self.advertised), self.preferred)

    def do(self, step: Step, request_id: str) -> None:
        """A site's router does as it was told."""
        if request_id in self.done:
            return
        self.done.add(request_id)
        if step.kind is StepKind.WITHDRAW:
            assert self.advertised[step.site.other], "withdrawn everywhere"
        self.announce(step.site, step.kind is StepKind.ADVERTISE)

    def _do_late(self) -> None:
        for request_id, (at, step) in list(self.late.items()):
            if self.clock.seconds >= at:
                del self.late[request_id]
                self.do(step, request_id)
                self.has_landed = True
        for one in list(self.astray):
            at, step, request_id = one
            if self.clock.seconds >= at:
                self.astray.remove(one)
                self._arrive(step, request_id)
                self.has_landed = True

    def _arrive(self, step: Step, request_id: str) -> None:
        if step.kind is StepKind.PREFER:
            assert self.advertised[step.site], "traffic is led to where nothing is announced"
            self.priority |= wanted(step.site)
        elif request_id not in self.late:
            self.do(step, request_id)

    def _abort(self) -> None:
        for plan in self.journal.plans.values():
            if plan.ended_at is None:
                self.journal.aborts[plan.plan_id] = "ada wants it to stop"

    def announce(self, site: Site, is_announced: bool) -> None:
        """Somebody, we or another, has the site's router announce or withdraw."""
        self.advertised[site] = is_announced
        if not self.is_bmp_deaf:
            self.seen = dict(self.advertised)

    def executor(
        self,
        may_go_on: Callable[[], bool] = lambda: True,
        *,
        provider: Provider | None = None,
        sleep: Callable[[float], Coroutine[Any, Any, None]] | None = None,
    ) -> Executor:
        """As a process has it that starts now; with this provider and sleep, if any are given."""
        provider = provider or self.points.around(Provider(self))
        acting = (StepKind.ADVERTISE, StepKind.WITHDRAW, StepKind.PREFER)
        return Executor(
            self.points.around(self.journal_of(self.points.leader)),
            dict.fromkeys(acting, provider),
            self.points.around(Eyes(self)),
            timing=TIMING,
            clock=self.clock,
            sleep=sleep or self.clock.sleep,
            new_id=lambda: f"00000000-0000-4000-8000-{next(self.ids):012}",
            may_go_on=may_go_on,
        )


class Provider:
    """Implements `Actuator` for both vendors."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._leader = world.points.leader

    async def preview(self, step: Step) -> list[Request]:
        return [Request("PATCH", f"https://example.com/{step.kind.value}", step.site.value)]

    async def apply(self, step: Step, *, request_id: str) -> None:
        self._was_written_down_first(step, request_id)
        self._is_there(step)
        if request_id in self._world.late:
            raise OutcomeUnknownError("it is still being done")
        faults = self._world.faults[step.kind]
        fault = faults.popleft() if faults else None
        # Who woke up after another one took over asks right before a request goes out.
        if fault is Fault.ASTRAY and self._leader == self._world.points.leader:
            at = self._world.clock.seconds + LATE_SECONDS[fault]
            self._world.astray.append((at, step, request_id))
            raise OutcomeUnknownError("no answer came")
        if fault in (Fault.LATE, Fault.VERY_LATE) and step.kind is not StepKind.PREFER:
            if request_id not in self._world.done:
                at = self._world.clock.seconds + LATE_SECONDS[fault]
                self._world.late[request_id] = at, step
            raise OutcomeUnknownError("no answer came")
        call = Call("a change", "PATCH", "https://example.com", writes=True)
        status = 403 if fault is Fault.REFUSED else 200
        record(Exchange("GCP", call, self._world.clock.now(), 0.0, status))
        if fault is Fault.REFUSED:
            raise ActionError("it was refused")
        if fault is Fault.BUSY:
            raise Busy("it has too much to do")
        if fault is Fault.TIMEOUT_BEFORE:
            raise OutcomeUnknownError("no answer came")
        if fault is Fault.UNREADABLE:
            self._world.unreadable = 3
        if fault is not Fault.YES_AND_NOTHING:
            self._change(step, request_id, by_half=fault is Fault.HALF)
        if fault in (Fault.TIMEOUT_AFTER, Fault.LATE):
            raise OutcomeUnknownError("no answer came")
        if fault is Fault.HALF:
            raise ActionError("half of it was refused")

    async def verify(self, step: Step) -> Done | NotDone:
        self._is_there(step)
        if self._world.unreadable:
            self._world.unreadable -= 1
            raise ActionError("it cannot be read")
        if step.kind is StepKind.PREFER:
            is_so = self._world.priority == wanted(step.site)
        else:
            is_so = self._world.advertised[step.site] is (step.kind is StepKind.ADVERTISE)
        return Done({"read": True}) if is_so else NotDone("it is not so")

    async def pending(self, step: Step, earlier: Sequence[Earlier]) -> str | None:
        self._is_there(step)
        waiting = [one for _, one in self._world.late.values()]
        if (step.kind, step.site) in [(one.kind, one.site) for one in waiting]:
            return "it is still being done"
        unknown = [one for one in earlier if one.record.request_id not in self._world.done]
        return "no answer came" if any(one.may_land(LANDING_SECONDS) for one in unknown) else None

    def _change(self, step: Step, request_id: str, *, by_half: bool) -> None:
        world = self._world
        if step.kind is StepKind.PREFER:
            world.priority |= {step.site: BETTER} if by_half else wanted(step.site)
        elif not by_half:
            world.do(step, request_id)

    def _is_there(self, step: Step) -> None:
        if step.kind is not StepKind.PREFER and step.site is self._world.is_away_for:
            raise Busy("nobody is there")

    def _was_written_down_first(self, step: Step, request_id: str) -> None:
        found = [
            (plan, one)
            for plan in self._world.journal.plans.values()
            for one in plan.steps
            if one.request_id == request_id
        ]
        ((plan, it),) = found
        assert it.step == step
        assert it.requests
        assert self._world.sent.setdefault(request_id, step) == step
        assert self._world.id_of.setdefault((plan.plan_id, it.ordinal), request_id) == request_id
        if self._leader == self._world.points.leader:
            assert (it.state, plan.ended_at) == (StepState.BEGUN, None)


def wanted(site: Site) -> dict[Site, int]:
    """The priorities that prefer a site."""
    return {site: BETTER, site.other: WORSE}


class Eyes:
    """Implements `Confirmation`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def confirm(self, step: Step, *, since: datetime) -> Done | NotDone:
        assert since <= self._world.clock.now()
        if self._world.is_bmp_gone:
            raise ActionError("nobody answers")
        seen = self._world.seen
        moved = step.kind is StepKind.CONFIRM_SEEN or not seen[step.site.other]
        return Done({"seen": True}) if seen[step.site] and moved else NotDone("BMP says no")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """What comes of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    work.close()
    raise AssertionError("it waits for something")
