"""Clients that ask over HTTP, in a process of their own: python -m bench.query_clients

Reads a plan from standard input and prints what it measured, both as JSON. The clients are paced:
each asks when its turn has come, whether others have their answer or not, and an answer's time
counts from that turn. So a server that is slow for a while is not asked less meanwhile. Without a
rate each client asks as soon as it has its answer, which measures how much gets through. They stand
for other machines: where the system lets them, they do not wait for a processor of this one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_HEAD_BYTES = 1 << 16


class Answer(NamedTuple):
    """Seconds from the turn to the end of the headers and of the body."""

    status: int
    first_byte: float
    whole: float
    bytes: int
    lines: int


class Client:
    """One connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, path: str, turn: float) -> Answer:
        """Asks and reads the whole answer."""
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n\r\n"
        self._writer.write(request.encode("ascii"))
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        first_byte = time.monotonic() - turn
        size = lines = 0
        async for piece in self._body(head):
            size += len(piece)
            lines += piece.count(b"\n")
        return Answer(int(head.split()[1]), first_byte, time.monotonic() - turn, size, lines)

    async def _body(self, head: bytes) -> AsyncIterator[bytes]:
        if b"\r\ntransfer-encoding: chunked" in head:
            while size := int(await self._reader.readline(), 16):
                yield await self._reader.readexactly(size)
                await self._reader.readline()
            await self._reader.readline()
        else:
            _, _, rest = head.partition(b"\r\ncontent-length:")
            yield await self._reader.readexactly(int(rest.split()[0]))


async def run(plan: dict[str, Any]) -> dict[str, object]:
    """A plan has `host`, `port`, `clients`, `paths`, `seconds`, and `rate`: how many questions all
    clients together ask in a second, or None.
    """
    clients, paths, rate = plan["clients"], plan["paths"], plan["rate"]
    started = time.monotonic() + 0.05
    ends = started + plan["seconds"]

    async def one(number: int) -> list[Answer]:
        reader, writer = await asyncio.open_connection(
            plan["host"], plan["port"], limit=_HEAD_BYTES
        )
        answers: list[Answer] = []
        with closing(writer):
            client = Client(reader, writer)
            place = number
            while True:
                turn = time.monotonic() if rate is None else started + place / rate
                if answers and turn >= ends:
                    return answers
                await asyncio.sleep(max(0.0, turn - time.monotonic()))
                answers.append(await client.ask(paths[place % len(paths)], turn))
                place += clients

    asked = await asyncio.gather(*map(one, range(clients)))
    answers = [answer for some in asked for answer in some]
    return _figures(answers, time.monotonic() - started)


def _figures(answers: list[Answer], seconds: float) -> dict[str, object]:
    whole = sorted(answer.whole for answer in answers)
    first = sorted(answer.first_byte for answer in answers)
    figures: dict[str, object] = {
        "questions": len(answers),
        "per_second": round(len(answers) / seconds, 1),
        "p50_ms": _at(whole, 0.5),
        "p99_ms": _at(whole, 0.99),
        "max_ms": _at(whole, 1.0),
        "first_byte_p50_ms": _at(first, 0.5),
        "bytes": round(sum(answer.bytes for answer in answers) / len(answers)),
    }
    if refused := Counter(answer.status for answer in answers if answer.status != 200):
        figures["refused"] = dict(refused)
    if lines := sum(answer.lines for answer in answers):
        figures["lines"] = lines
        figures["lines_per_second"] = round(lines / sum(whole))
    return figures


def _at(ordered: list[float], share: float) -> float:
    return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 2)


def _go_first() -> bool:
    """Whether we may: Linux alone has it, for who is privileged."""
    with suppress(AttributeError, PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return True
    return False


def main() -> None:
    goes_first = _go_first()
    figures = asyncio.run(run(json.load(sys.stdin)))
    print(json.dumps(figures | {"clients_go_first": goes_first}))


if __name__ == "__main__":
    main()
