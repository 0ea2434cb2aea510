"""Brings the database to the schema that this version of bgpilot needs.

Any number of services may start at once: the first to take the advisory lock migrates, the
others wait for it and find nothing left to do.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db.engine import create_engine
from shared.db.errors import is_away, reason
from shared.db.layout import LayoutSettings
from shared.errors import UserError
from shared.settings import load

if TYPE_CHECKING:
    from pydantic import SecretStr
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from shared.db.layout import Layout

log = structlog.get_logger(__name__)

_SCRIPTS = Path(__file__).parent / "migrations"
# Any number will do, as long as every bgpilot takes the same one.
_LOCK = 0x62677069
_MIGRATION_SECONDS = 3600.0


async def migrate(url: SecretStr, layout: Layout | None = None) -> None:
    """Migrates to the newest revision; UserError when the schema is newer than this program.

    `layout` is what a new database is made for; None: what DATABASE_LAYOUT says.
    """
    if layout is None:
        layout = load(LayoutSettings).database_layout
    engine = create_engine(
        url, application="bgpilot migrate", pool_size=1, statement_seconds=_MIGRATION_SECONDS
    )
    try:
        await _migrate(engine, layout)
    finally:
        await engine.dispose()


async def _migrate(engine: AsyncEngine, layout: Layout) -> None:
    async with engine.connect() as conn:
        if await conn.run_sync(_revision) == _head():
            return
        await conn.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        await conn.commit()
        try:
            before = await conn.run_sync(_revision)
            await conn.commit()
            await conn.run_sync(_upgrade, layout)
            await conn.commit()
        finally:
            if not conn.invalidated:
                await conn.rollback()
                await conn.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                await conn.commit()
    if before != _head():
        log.info("schema migrated", before=before or "empty", now=_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _revision(conn: Connection) -> str | None:
    return MigrationContext.configure(conn).get_current_revision()


def _upgrade(conn: Connection, layout: Layout) -> None:
    config = _config()
    config.attributes["connection"] = conn
    config.attributes["layout"] = layout
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    revision = _revision(conn)
    if revision is not None and revision not in known:
        raise UserError(
            f"the database has schema revision {revision}, which this bgpilot does not know: "
            "a newer version has migrated it; run that version, or restore a backup"
        )
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        if is_away(error):
            raise
        raise UserError(
            f"the schema cannot be brought from revision {revision or 'none'} to {_head()}: "
            f"{reason(error)}; nothing was changed. If the database was made by an unreleased "
            "bgpilot, or holds somebody else's tables, give bgpilot one of its own: DATABASE_URL "
            "names it, or, where `bgpilot up` brings PostgreSQL, BGPILOT_HOME its directory"
        ) from error


def migrate_and_wait(url: SecretStr) -> None:
    """`migrate`, for a caller that has no event loop."""
    asyncio.run(migrate(url))
