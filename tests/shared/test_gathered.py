"""What is written in one turn of the loop leaves in one piece, and in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from shared.web.gathered import GATHERED_BYTES, GatheringTransport
from shared.web.serve import configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send


class Connection:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.ended: list[str] = []

    def write(self, data: bytes) -> None:
        assert not self.ended
        self.sent.append(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self.write(b"".join(pieces))

    def close(self) -> None:
        self.ended.append("closed")

    def abort(self) -> None:
        self.ended.append("aborted")

    def write_eof(self) -> None:
        self.ended.append("eof")

    def is_closing(self) -> bool:
        return bool(self.ended)

    def get_write_buffer_size(self) -> int:
        return 5

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


def gathering(connection: Connection) -> GatheringTransport:
    return GatheringTransport(cast("asyncio.Transport", connection), asyncio.get_running_loop())


async def a_turn() -> None:
    await asyncio.sleep(0)


async def test_head_and_body_leave_together() -> None:
    connection = Connection()
    transport = gathering(connection)
    transport.write(b"head ")
    transport.writelines([b"and ", bytearray(b"body")])
    assert connection.sent == []
    assert transport.get_write_buffer_size() == 5 + len("head and body")
    await a_turn()
    assert connection.sent == [b"head and body"]
    assert transport.get_write_buffer_size() == 5
    transport.write(b"more")
    await a_turn()
    assert connection.sent == [b"head and body", b"more"]


async def test_a_stream_that_does_not_end_its_turn_is_not_gathered_in_memory() -> None:
    connection = Connection()
    transport = gathering(connection)
    for _ in range(100):
        transport.write(b"x" * 1_000)
        assert transport.get_write_buffer_size() - 5 <= GATHERED_BYTES
    assert sum(map(len, connection.sent)) > 100_000 - GATHERED_BYTES
    await a_turn()
    assert b"".join(connection.sent) == b"x" * 100_000


@pytest.mark.parametrize(
    ("end", "as_what"),
    [(GatheringTransport.close, "closed"), (GatheringTransport.write_eof, "eof")],
)
async def test_the_end_comes_after_what_was_written(
    end: Callable[[GatheringTransport], None], as_what: str
) -> None:
    connection = Connection()
    transport = gathering(connection)
    transport.write(b"goodbye")
    end(transport)
    await a_turn()
    assert (connection.sent, connection.ended) == ([b"goodbye"], [as_what])


async def test_what_was_not_sent_before_an_abort_or_a_lost_connection_never_is() -> None:
    connection = Connection()
    transport = gathering(connection)
    transport.write(b"too late")
    transport.abort()
    await a_turn()
    assert (connection.sent, connection.ended) == ([], ["aborted"])
    transport.write(b"later still")
    await a_turn()
    assert connection.sent == []


async def test_all_else_is_the_connections_own() -> None:
    transport = gathering(Connection())
    assert transport.get_extra_info("peername") == "the peername"
    assert not transport.is_closing()


@given(st.lists(st.lists(st.binary(max_size=20_000), max_size=6), max_size=6))
def test_any_pieces_in_any_turns_arrive_whole_and_in_order(turns: list[list[bytes]]) -> None:
    async def written() -> list[bytes]:
        connection = Connection()
        transport = gathering(connection)
        for pieces in turns:
            for piece in pieces:
                transport.write(piece)
            await a_turn()
        return connection.sent

    sent = asyncio.run(written())
    assert b"".join(sent) == b"".join(piece for pieces in turns for piece in pieces)
    assert len(sent) <= sum(
        1 + len(b"".join(pieces)) // GATHERED_BYTES for pieces in turns if pieces
    )


async def test_an_answer_is_written_once() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    class Accepted(Connection):
        get_extra_info = staticmethod(lambda name, default=None: default)  # type: ignore[assignment]

        def write(self, data: bytes) -> None:
            super().write(data)
            answered.set()

    answered = asyncio.Event()
    config = configuration(app)
    config.lifespan = "off"
    config.load()
    server = uvicorn.Server(config)
    protocol = config.http_protocol_class(config, server.server_state, {})  # type: ignore[call-arg]
    connection = Accepted()
    protocol.connection_made(cast("asyncio.Transport", connection))
    cast("asyncio.Protocol", protocol).data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(answered.wait(), 10)
    (answer,) = connection.sent
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"hello" in answer
