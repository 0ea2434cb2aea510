"""A subscriber over a WebSocket: what it says is handled, what it is for is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from services.routes.live import protocol
from services.routes.live.delivery import deliver
from services.routes.live.hub import TooMany
from services.routes.live.protocol import ClientError

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from services.routes.live.message import Message
    from services.routes.live.stream import Live
    from services.routes.live.subscriber import Subscriber

TRY_AGAIN_LATER = 1013
_LONGEST_REASON = 120

Hosts = Callable[[], Awaitable[list[str]]]


async def serve(websocket: WebSocket, live: Live, hosts: Hosts) -> None:
    """Until the client leaves or is cut off."""
    await websocket.accept()
    caller = websocket.client.host if websocket.client else "unknown"
    try:
        with live.subscriber(caller, "websocket") as subscriber:
            conversation = _Conversation(websocket, live, subscriber, hosts)
            is_to_be_closed = await deliver(
                subscriber,
                write=conversation.write,
                idle=_silence,  # the server pings each WebSocket by itself
                idle_seconds=live.idle_seconds,
                gone=conversation.listen(),
            )
            reason = subscriber.cut_off or ""
    except TooMany as error:
        reason, is_to_be_closed = str(error), True
        await websocket.send_text(protocol.ris_error(reason).decode())
    if is_to_be_closed:
        await websocket.close(TRY_AGAIN_LATER, reason[:_LONGEST_REASON])


async def _silence() -> None:
    return


class _Conversation:
    def __init__(
        self, websocket: WebSocket, live: Live, subscriber: Subscriber, hosts: Hosts
    ) -> None:
        self._websocket = websocket
        self._live = live
        self._subscriber = subscriber
        self._hosts = hosts

    async def write(self, waiting: Sequence[Message | bytes]) -> None:
        """Sends one after the other, each when the transport has room."""
        for one in waiting:
            if isinstance(one, bytes):
                await self._websocket.send_text(one.decode())
            elif self._subscriber.cut_off is not None:
                return
            else:
                await self._websocket.send_text(one.text)

    async def listen(self) -> None:
        """Handles what the client says until it leaves."""
        while True:
            received = await self._websocket.receive()
            if received["type"] == "websocket.disconnect":
                return
            text = received.get("text")
            try:
                await self._handle((received.get("bytes") or b"") if text is None else text)
            except ClientError as error:
                self._subscriber.answer(protocol.ris_error(str(error)))

    async def _handle(self, text: str | bytes) -> None:
        kind, data = protocol.read_message(text)
        match kind:
            case "ris_subscribe":
                await self._subscribe(data)
            case "ris_unsubscribe":
                asked = protocol.read_subscription(data)
                if not self._live.hub.unsubscribe(self._subscriber, asked.filters):
                    raise ClientError("there is no such subscription to be ended")
            case "ping":
                self._subscriber.answer(protocol.pong())
            case "request_rrc_list":
                self._subscriber.answer(protocol.rrc_list(await self._hosts()))
            case _:
                raise ClientError(
                    f"{kind[:64]!r} is no type of message; there are ris_subscribe, "
                    "ris_unsubscribe, request_rrc_list and ping"
                )

    async def _subscribe(self, data: Any) -> None:  # noqa: ANN401 - any JSON
        asked = protocol.read_subscription(data)
        subscriber = self._subscriber
        self._live.hub.subscribe(subscriber, asked.filters)
        subscriber.options |= asked.options | protocol.NOT_HAD
        if not await self._live.begins():
            subscriber.answer(
                protocol.ris_error("the database is away; messages come when it is back")
            )
        if subscriber.options["acknowledge"]:
            subscriber.answer(protocol.subscribe_ok(asked, subscriber.options))
