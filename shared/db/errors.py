"""What a database says when it will not serve us, as one sentence for a person."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.db.engine import describe
from shared.errors import BgpilotError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr


class DatabaseUnavailable(UserError):
    """The database cannot be reached or refuses us; trying again later may help."""


# What asyncpg raises while the server is away, starting, stopping or full.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.PostgresSystemError,
    # A transaction that was rolled back for another's sake, or by a server that only reads now.
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    # A transaction in which this process was stopped for longer than the server waits.
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    # What an operator has taken from our role, and gives back.
    asyncpg.InsufficientPrivilegeError,
    # What a connection says that the server has ended while it was idle, until it is closed.
    asyncpg.InternalClientError,
)


def is_away(error: BaseException) -> bool:
    """Whether this error says that the server, not the statement, is at fault."""
    if isinstance(error, PoolTimeoutError):
        return True
    if isinstance(error, ValueError):
        return False  # asyncpg's for a value that it cannot send is an InterfaceError too
    if isinstance(error, DBAPIError):
        cause = error.orig.__cause__ if error.orig is not None else None
        return error.connection_invalidated or isinstance(cause, _AWAY)
    return isinstance(error, _AWAY)


def is_timeout(error: BaseException) -> bool:
    """Whether the server ended a statement because it took longer than it may."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return isinstance(error.orig.__cause__, asyncpg.QueryCanceledError)
    return isinstance(error, asyncpg.QueryCanceledError)


@contextlib.contextmanager
def translated(url: SecretStr) -> Iterator[None]:
    """Raises DatabaseUnavailable with one sentence where the database is away."""
    try:
        yield
    except BgpilotError:
        raise
    except Exception as error:
        if not is_away(error):
            raise
        raise DatabaseUnavailable(
            f"the database {describe(url)} cannot be used: {reason(error)}; "
            "check that it runs and that DATABASE_URL is right"
        ) from error


def reason(error: BaseException) -> str:
    """The driver's own words, in one line; the type's name where it has none."""
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig.__cause__ or error.orig
    return " ".join(str(cause).split()) or type(cause).__name__
