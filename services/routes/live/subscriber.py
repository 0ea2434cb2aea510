"""Whoever listens: what waits for him, and when that is too much."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from services.routes.live import metrics

if TYPE_CHECKING:
    from services.routes.live.filters import Filter
    from services.routes.live.message import Message

MOST_BYTES = 16 * 1024 * 1024
"""Of messages that wait for one subscriber."""


class Subscriber:
    """A bounded queue of messages, and at its end the reason why no more come.

    Messages that are not read in time are thrown away together with the subscriber; there is no
    hole between two that he gets.
    """

    def __init__(self, *, caller: str, transport: str, most_messages: int) -> None:
        self.caller = caller
        self.transport = transport
        self.filters: set[Filter] = set()
        self.options = {"includeRaw": False, "acknowledge": False}
        self.cut_off: str | None = None
        """Why no more comes; to be told when the rest is."""
        self._most_messages = most_messages
        self._waiting: deque[Message | bytes] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Messages that are not taken yet."""
        return len(self._waiting)

    def offer(self, message: Message) -> None:
        """Puts a message into the queue; if it is full, that is the end."""
        self._put(message, len(message.body))

    def answer(self, body: bytes) -> None:
        """Puts an answer behind what is in the queue."""
        self._put(body, len(body))

    def _put(self, one: Message | bytes, size: int) -> None:
        if self.cut_off is not None:
            return
        if len(self._waiting) >= self._most_messages or self._bytes + size > MOST_BYTES:
            waiting = len(self._waiting)
            metrics.CUT_OFF.inc()
            self.end(f"too slow: {waiting} messages were waiting; read faster, or ask for less")
            return
        self._waiting.append(one)
        self._bytes += size
        self._news.set()

    def end(self, reason: str) -> None:
        """No more comes, and what waits is dropped."""
        self.cut_off = reason
        self._waiting.clear()
        self._bytes = 0
        self._news.set()
        self._ended.set()

    async def take(self, seconds: float) -> list[Message | bytes]:
        """All that waits, as soon as there is some; nothing after a time, or at the end."""
        if not self._news.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return []
        self._news.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return taken

    async def until_cut_off(self) -> None:
        """Returns when it has ended."""
        await self._ended.wait()
