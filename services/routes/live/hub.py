"""Subscribers and what they subscribe to; who gets which message."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING, Literal

from services.routes.live import metrics
from services.routes.live.index import Index
from services.routes.live.protocol import ClientError, ris_error
from services.routes.live.subscriber import Subscriber
from shared.errors import BgpilotError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from services.routes.live.filters import Filter
    from services.routes.live.message import Message
    from services.routes.settings import RoutesSettings

Transport = Literal["websocket", "http"]

_SLICE = 200
"""Messages that are handed out at one go, before their readers get a turn."""


class TooMany(BgpilotError):
    """No more subscribers: of this caller's, or at all."""

    def __init__(self, text: str, *, is_callers_fault: bool) -> None:
        super().__init__(text)
        self.is_callers_fault = is_callers_fault


class Hub:
    """Hands each message to the subscribers that it is for, once each."""

    def __init__(self, settings: RoutesSettings) -> None:
        self._settings = settings
        self._subscribers: set[Subscriber] = set()
        self._callers: Counter[str] = Counter()
        self._listeners: dict[Filter, set[Subscriber]] = {}
        self._index = Index()
        self._recent: deque[Message] = deque(maxlen=settings.routes_live_resume_messages)

    @property
    def is_empty(self) -> bool:
        """Whether nobody listens."""
        return not self._subscribers

    def join(self, caller: str, transport: Transport) -> Subscriber:
        """A new subscriber, of nothing yet. TooMany where there are too many."""
        limits = self._settings
        if self._callers[caller] >= limits.routes_live_subscribers_per_caller:
            metrics.REFUSED.labels("too many of one").inc()
            raise TooMany(
                f"{self._callers[caller]} subscribers of yours are connected, and more are not "
                "allowed; put several subscriptions into one",
                is_callers_fault=True,
            )
        if len(self._subscribers) >= limits.routes_live_subscribers:
            metrics.REFUSED.labels("too many").inc()
            raise TooMany(
                f"all {len(self._subscribers)} places for subscribers are taken; try again later",
                is_callers_fault=False,
            )
        subscriber = Subscriber(
            caller=caller, transport=transport, most_messages=limits.routes_live_queue_messages
        )
        self._callers[caller] += 1
        self._subscribers.add(subscriber)
        metrics.SUBSCRIBERS.labels(transport).inc()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """It listens no more."""
        self.unsubscribe(subscriber, list(subscriber.filters))
        self._subscribers.remove(subscriber)
        self._callers[subscriber.caller] -= 1
        if not self._callers[subscriber.caller]:
            del self._callers[subscriber.caller]
        metrics.SUBSCRIBERS.labels(subscriber.transport).dec()

    def subscribe(self, subscriber: Subscriber, filters: Iterable[Filter]) -> None:
        """Adds to what it gets. ClientError, and nothing is added, where that is too much."""
        new = set(filters) - subscriber.filters
        most = self._settings.routes_live_prefixes
        if len(subscriber.filters) + len(new) > most:
            raise ClientError(
                f"{len(subscriber.filters) + len(new)} subscriptions, each prefix counted, and "
                f"{most} is the most of one subscriber"
            )
        for wanted in new:
            listeners = self._listeners.get(wanted)
            if listeners is None:
                listeners = self._listeners[wanted] = set()
                self._index.add(wanted)
            listeners.add(subscriber)
        subscriber.filters |= new
        metrics.SUBSCRIPTIONS.inc(len(new))

    def unsubscribe(self, subscriber: Subscriber, filters: Collection[Filter]) -> int:
        """Takes these away from what it gets; says how many of them there were."""
        gone = subscriber.filters.intersection(filters)
        for wanted in gone:
            listeners = self._listeners[wanted]
            listeners.remove(subscriber)
            if not listeners:
                del self._listeners[wanted]
                self._index.remove(wanted)
        subscriber.filters -= gone
        metrics.SUBSCRIPTIONS.dec(len(gone))
        return len(gone)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Hands messages out, in their order."""
        for start in range(0, len(messages), _SLICE):
            sent = 0
            for message in messages[start : start + _SLICE]:
                metrics.MESSAGES.labels(message.kind).inc()
                sent += self._hand_out(message)
            metrics.SENT.inc(sent)
            await asyncio.sleep(0)

    def resume(self, subscriber: Subscriber, last_id: str) -> None:
        """Gives what came after this message and is for the subscriber; or says that it cannot."""
        recent = list(self._recent)
        after = next((at for at, one in enumerate(recent, 1) if one.id == last_id), None)
        if after is None:
            text = f"what came after {last_id[:64]!r} is not kept; the stream begins now"
            subscriber.answer(ris_error(text))
            return
        index = Index()
        for wanted in subscriber.filters:
            index.add(wanted)
        for message in recent[after:]:
            if index.of(message):
                subscriber.offer(message)

    def report(self, text: str) -> None:
        """Tells every subscriber that something is left out."""
        self.forget()
        body = ris_error(text)
        for subscriber in self._subscribers:
            subscriber.answer(body)

    def forget(self) -> None:
        """Nobody can resume from a message before this."""
        self._recent.clear()

    def end(self, reason: str) -> None:
        """Ends every subscriber."""
        for subscriber in self._subscribers:
            subscriber.end(reason)

    def _hand_out(self, message: Message) -> int:
        self._recent.append(message)
        listeners = [self._listeners[wanted] for wanted in self._index.of(message)]
        if not listeners:
            return 0
        all_of_them = listeners[0] if len(listeners) == 1 else set().union(*listeners)
        for subscriber in all_of_them:
            subscriber.offer(message)
        return len(all_of_them)
