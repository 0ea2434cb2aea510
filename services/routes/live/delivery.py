"""Brings to a subscriber what waits for him, over a transport that may stand still."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

from services.routes.live.protocol import ris_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from services.routes.live.message import Message
    from services.routes.live.subscriber import Subscriber

_LAST_SECONDS = 5.0
"""How long one that was cut off may take to hear why."""

_GONE = (WebSocketDisconnect, OSError)
"""What a transport raises whose client has left."""


async def deliver(
    subscriber: Subscriber,
    *,
    write: Callable[[Sequence[Message | bytes]], Awaitable[None]],
    idle: Callable[[], Awaitable[None]],
    idle_seconds: float,
    gone: Coroutine[object, object, None],
) -> bool:
    """Until the client is gone, or is cut off and was told so; False where nothing can be told.

    `write` returns when the transport has taken everything, `gone` when the client has left. Each
    subscriber has a task of its own, so that one who does not read holds nobody up.
    """

    async def work() -> None:
        while subscriber.cut_off is None:
            if waiting := await subscriber.take(idle_seconds):
                await write(waiting)
            elif subscriber.cut_off is None:
                await idle()

    writing = asyncio.create_task(work())
    leaving = asyncio.create_task(gone)
    ending = asyncio.create_task(subscriber.until_cut_off())
    tasks = {writing, leaving, ending}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            await leaving
            return False
        async with asyncio.timeout(_LAST_SECONDS):
            await writing
            if subscriber.cut_off is not None:
                await write([ris_error(subscriber.cut_off)])
    except (TimeoutError, *_GONE):
        return False
    else:
        return True
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
