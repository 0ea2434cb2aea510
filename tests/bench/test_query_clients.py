"""The clients of the query benchmark, against a server whose answers are known."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bench import query_clients

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

ANSWERS = {
    b"/whole": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none\n2\n",
    b"/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\none\n\r\nb\r\n2\nand three\r\n0\r\n\r\n",
    b"/refused": b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
}


async def answer(reader: StreamReader, writer: StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        writer.write(ANSWERS[head.split()[1]])


async def asked(**plan: Any) -> dict[str, Any]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await query_clients.run({"host": "127.0.0.1", "port": port, "clients": 3} | plan)


@pytest.mark.parametrize(("path", "size"), [("/whole", 6), ("/chunks", 15)])
async def test_the_whole_of_an_answer_is_read_and_its_lines_are_counted(
    path: str, size: int
) -> None:
    figures = await asked(paths=[path], seconds=0.1, rate=100)
    assert figures["bytes"] == size
    assert figures["lines"] == 2 * figures["questions"]
    assert "refused" not in figures


async def test_paced_clients_ask_as_often_as_they_are_told() -> None:
    figures = await asked(paths=["/whole", "/chunks"], seconds=0.5, rate=60)
    assert figures["questions"] == 30
    assert figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]


async def test_what_is_refused_is_told_by_its_status() -> None:
    figures = await asked(paths=["/whole", "/refused"], seconds=0.2, rate=50, clients=2)
    assert figures["refused"] == {429: 5}
