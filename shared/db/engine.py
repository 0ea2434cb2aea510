"""SQLAlchemy engines on asyncpg, and the two spellings of one database URL."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr
    from sqlalchemy.engine import URL

CONNECT_SECONDS = 5.0

Reads = Literal["questions", "lookups"]
"""What an engine is for that never writes: anything, or routes by their key."""

_PLANNED: Mapping[Reads | None, Mapping[str, str]] = {
    None: {"plan_cache_mode": "auto"},
    # What is asked for decides how it is found, and no plan fits all prefixes and ASes.
    "questions": {"plan_cache_mode": "force_custom_plan"},
    # A lookup has one way, by indexes from its key, and to plan it takes longer than to go it. The
    # plan is kept for minutes: what was empty when it was made may be full by then.
    "lookups": {
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
    },
}


def parse_url(url: SecretStr) -> URL:
    """The URL of any PostgreSQL dialect, as SQLAlchemy's asyncpg dialect spells it."""
    try:
        parsed = make_url(url.get_secret_value())
    except (ArgumentError, ValueError):
        # The original error prints the URL, and with it the password.
        raise ConfigurationError(
            "DATABASE_URL is not a URL; it looks like "
            "postgresql://user:password@host:5432/database, with %40 for an @ in the password"
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"DATABASE_URL names {parsed.get_backend_name()}, but bgpilot needs PostgreSQL: "
            "postgresql://user:password@host:5432/database"
        )
    return parsed.set(drivername="postgresql+asyncpg")


def plain_url(url: SecretStr) -> str:
    """The same URL as asyncpg itself and psql take it. It holds the password: never log it."""
    return parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def describe(url: SecretStr) -> str:
    """Where the database is, without the password: for start-up lines and errors."""
    return parse_url(url).set(drivername="postgresql").render_as_string(hide_password=True)


def create_engine(
    url: SecretStr,
    *,
    application: str,
    pool_size: int = 5,
    statement_seconds: float = 30.0,
    idle_seconds: float = 0.0,
    reads: Reads | None = None,
) -> AsyncEngine:
    """An engine with bounded pool, connect and statement times. It connects on first use.

    A transaction in which nothing happens for `idle_seconds` is ended by the database, so that a
    process that froze, or whose machine is gone, holds its locks no longer; 0: it is not.

    With `reads` a transaction cannot write, and all its statements see the database as it was at
    the first, as an answer of several statements must; each of `questions` is planned for what it
    asks, those of `lookups` are planned once.
    """
    connect: dict[str, Any] = {
        "timeout": CONNECT_SECONDS,
        "command_timeout": statement_seconds + 5.0,
        "server_settings": {
            "application_name": application,
            "statement_timeout": str(int(statement_seconds * 1000)),
            "idle_in_transaction_session_timeout": str(math.ceil(idle_seconds * 1000)),
            "jit": "off",
            # Of those that wait for long, firewalls in between forget.
            "tcp_keepalives_idle": "60",
            "default_transaction_read_only": "on" if reads else "off",
            **_PLANNED[reads],
        },
    }
    engine = create_async_engine(
        parse_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5.0,
        # The one used last: what it has planned and read is at hand, in us and in the server.
        pool_use_lifo=True,
        connect_args=connect,
        isolation_level="REPEATABLE READ" if reads else "READ COMMITTED",
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, *_: object) -> None:  # noqa: ANN401 - the dialect's own kind
    """The driver knows which connections the server has ended; to ask would take three trips."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError
