"""the tables that grow with time, as the database's extensions have them best"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from alembic import context, op
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db.errors import reason
from shared.db.layout import (
    DETECT,
    Extension,
    Layout,
    choose,
    citus_statements,
    timescale_statements,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

log = structlog.get_logger(__name__)

_SCHEMA = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb'"


def upgrade() -> None:
    """Leaves the partitions of 0001 where no extension is used."""
    conn = op.get_bind()
    wanted: Layout = context.config.attributes["layout"]
    extensions = {
        name: Extension(there, loaded) for name, there, loaded in conn.execute(text(DETECT))
    }
    layout = choose(wanted, extensions)
    if layout is Layout.CITUS:
        conn.execute(text("CREATE EXTENSION IF NOT EXISTS citus"))
        for statement in citus_statements():
            conn.execute(text(statement))
    if layout is Layout.TIMESCALEDB:
        try:
            with conn.begin_nested():
                _make_hypertables(conn)
        except DBAPIError as error:
            if wanted is Layout.TIMESCALEDB or error.connection_invalidated:
                raise
            # Not ours to create, or an edition without compression.
            log.warning("timescaledb is there and cannot be used", reason=reason(error))
            layout = Layout.PARTITIONS
    log.info("layout of the history chosen", layout=layout.value)


def _make_hypertables(conn: Connection) -> None:
    conn.execute(text("CREATE EXTENSION IF NOT EXISTS timescaledb"))
    schema = conn.execute(text(_SCHEMA)).scalar_one()
    for statement in timescale_statements(schema):
        conn.execute(text(statement))
