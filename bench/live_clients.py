"""Subscribers of the live stream, cheap enough to leave the cores to what is measured.

python -m bench.live_clients PORT SUBSCRIBERS FILE: half of the subscriptions are by prefix and half
by origin, two of each subscriber, and one more subscriber hears everything. Prints `ready`, listens
until its standard input ends, and writes what came when to FILE.
"""

from __future__ import annotations

import array
import asyncio
import base64
import json
import os
import struct
import sys
import time
from pathlib import Path

FIRST_ORIGIN = 100_000
_ID = b'"id":"'


class Client(asyncio.Protocol):
    """A WebSocket that is only listened to (RFC 6455 5.2)."""

    def __init__(self, *subscriptions: dict[str, object]) -> None:
        self._subscriptions = subscriptions
        self._buffer = b""
        self._is_open = False
        self.ready = asyncio.Event()
        self.numbers = array.array("Q")
        self.times = array.array("d")
        self.error: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /v1/ws/ HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.time()
        data = self._buffer + data
        if not self._is_open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            self._is_open = True
            for one in self._subscriptions:
                asked = {"socketOptions": {"acknowledge": True}} | one
                self._send(1, json.dumps({"type": "ris_subscribe", "data": asked}).encode())
        at, end = 0, len(data)
        while end - at >= 2:
            length, start = data[at + 1], at + 2
            if length >= 126:
                size = 2 if length == 126 else 8
                length = int.from_bytes(data[start : start + size], "big")
                start += size
            if end < start + length:
                break
            self._hear(data[at] & 15, data[start : start + length], now)
            at = start + length
        self._buffer = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = self.error or f"closed: {exc}"

    def _hear(self, kind: int, text: bytes, now: float) -> None:
        if kind == 9:
            self._send(10, text)
        elif text.startswith(b'{"type":"ris_message"'):
            at = text.index(_ID) + len(_ID)
            writer, number = text[at : at + 19].split(b"-")
            self.numbers.append(int(writer, 16) << 40 | int(number, 16))
            self.times.append(now)
        elif text.startswith(b'{"type":"ris_subscribe_ok"'):
            self.ready.set()
        else:
            self.error = text.decode(errors="replace")

    def _send(self, kind: int, text: bytes) -> None:
        # A mask of zeros leaves the text as it is.
        head = bytes((128 | kind,))
        head += bytes((128 | len(text),)) if len(text) < 126 else struct.pack(">BH", 254, len(text))
        self._transport.write(head + bytes(4) + text)


async def main(port: int, subscribers: int, file: Path) -> None:
    loop = asyncio.get_running_loop()
    asked: list[tuple[dict[str, object], ...]] = [({"type": "UPDATE"},)]
    for number in range(subscribers):
        prefix = {"prefix": f"{1 + (number >> 8)}.{number & 255}.0.0/16", "type": "UPDATE"}
        asked.append((prefix, {"path": f"{FIRST_ORIGIN + number}$", "type": "UPDATE"}))
    clients = []
    for each in asked:
        client = Client(*each)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
        await client.ready.wait()
        clients.append(client)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    errors = [one.error for one in clients if one.error]
    with file.open("wb") as out:
        for one in clients:
            out.write(struct.pack("<Q", len(one.numbers)))
            one.numbers.tofile(out)
            one.times.tofile(out)
    print(json.dumps(errors), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
