"""The connection to PostgreSQL, as the end of the service sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import asyncpg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.ingest.database import Database

if TYPE_CHECKING:
    from services.ingest.database import Conn


class Unanswering:
    """A connection whose server gives no answer to its goodbye."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.is_terminated = False

    async def close(self, *, timeout: float) -> None:  # noqa: ASYNC109 - asyncpg has it so
        raise self._error

    def terminate(self) -> None:
        self.is_terminated = True


@pytest.mark.parametrize(
    "error",
    [TimeoutError(), ConnectionResetError("reset"), asyncpg.ConnectionDoesNotExistError("gone")],
)
async def test_a_server_that_does_not_say_goodbye_does_not_hinder_the_end(error: Exception) -> None:
    database = Database(SecretStr("postgresql://x"), application="a test")
    conn = Unanswering(error)
    database._conn = cast("Conn", conn)
    with capture_logs() as logs:
        await database.close()
        await database.close()
    assert conn.is_terminated
    assert [line["event"] for line in logs] == ["database connection closed without a goodbye"]
