"""How the tables that grow with time are laid out, and the SQL that lays them out so.

Everywhere they are PostgreSQL's own partitions, one a week. Where TimescaleDB is there they are its
hypertables instead; where Citus is there and asked for, the history's partitions are spread over
its nodes. Names, columns and queries are the same. It is decided once, by the migration.

Sources: TimescaleDB API reference, create_hypertable, ALTER TABLE (Compression) and
add_compression_policy; Citus documentation, create_distributed_table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.errors import UserError
from shared.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BY_TIME = {
    "route_event": "time",
    "nlri_event": "time",
    "peer_event": "time",
    "sweep": "time",
    "churn_prefix": "bucket",
    "churn_peer": "bucket",
    "churn_origin": "bucket",
}
"""The tables of schema `rib` that grow with time, each with the column that says when."""

COMPRESS_DAYS = 30
"""A hypertable's chunk of a week is compressed when it is that old."""

# What TimescaleDB keeps together, and in which order: a query about a prefix or a peer then has to
# decompress little of a week.
_COMPRESSED = {
    "route_event": ("rib_id", "prefix, time, seq"),
    "nlri_event": ("rib_id", "nlri_id, time, seq"),
    "peer_event": ("peer_id", "time, seq"),
    "sweep": ("peer_id", "time, seq"),
    "churn_prefix": ("writer_id", "prefix, bucket"),
    "churn_peer": ("writer_id", "peer_id, bucket"),
    "churn_origin": ("writer_id", "origin_asn, bucket"),
}


class Layout(StrEnum):
    """What `DATABASE_LAYOUT` can be."""

    AUTO = "auto"
    PARTITIONS = "partitions"
    TIMESCALEDB = "timescaledb"
    CITUS = "citus"


class LayoutSettings(Settings):
    """What a new database is made for."""

    database_layout: Layout = Layout.AUTO


@dataclass(frozen=True, slots=True)
class Extension:
    """What a server says of an extension."""

    is_available: bool
    is_loaded: bool

    @property
    def is_usable(self) -> bool:
        """Whether this database can have it."""
        return self.is_available and self.is_loaded


# A role that is no superuser may not read shared_preload_libraries; it sees the settings that a
# library defines exactly where that is loaded. To try CREATE EXTENSION without would not do: what
# has to be preloaded ends the connection.
DETECT = """
SELECT e.name, EXISTS (SELECT FROM pg_available_extensions AS a WHERE a.name = e.name),
       EXISTS (SELECT FROM pg_settings AS s WHERE s.name = e.setting)
  FROM (VALUES ('timescaledb', 'timescaledb.disable_load'), ('citus', 'citus.shard_count'))
       AS e(name, setting)
"""


def choose(wanted: Layout, extensions: Mapping[str, Extension]) -> Layout:
    """The layout of a new database; UserError where the one that is asked for cannot be had."""
    if wanted is Layout.AUTO:
        has_timescale = extensions[Layout.TIMESCALEDB].is_usable
        return Layout.TIMESCALEDB if has_timescale else Layout.PARTITIONS
    if wanted is Layout.PARTITIONS or extensions[wanted].is_usable:
        return wanted
    lacking = "shared_preload_libraries" if extensions[wanted].is_available else "its extensions"
    raise UserError(
        f"DATABASE_LAYOUT is {wanted}, but the database server does not have {wanted} among "
        f"{lacking}; put it there, or set DATABASE_LAYOUT to auto"
    )


def timescale_statements(schema: str) -> Iterator[str]:
    """Makes hypertables of the empty tables; `schema` is the extension's, quoted if need be."""
    for table, column in BY_TIME.items():
        segment, order = _COMPRESSED[table]
        # What is partitioned already cannot become a hypertable.
        yield f"ALTER TABLE rib.{table} RENAME TO {table}_partitioned"
        yield f"CREATE TABLE rib.{table} (LIKE rib.{table}_partitioned INCLUDING ALL)"
        yield f"DROP TABLE rib.{table}_partitioned"
        yield (
            f"SELECT {schema}.create_hypertable('rib.{table}', "
            f"{schema}.by_range('{column}', INTERVAL '1 week'), create_default_indexes => false)"
        )
        yield (
            f"ALTER TABLE rib.{table} SET (timescaledb.compress, "
            f"timescaledb.compress_segmentby = '{segment}', "
            f"timescaledb.compress_orderby = '{order}')"
        )
        yield (
            f"SELECT {schema}.add_compression_policy('rib.{table}', "
            f"compress_after => INTERVAL '{COMPRESS_DAYS} days')"
        )


def citus_statements() -> Iterator[str]:
    """Spreads the history over the nodes, each RIB of a router on one of them."""
    yield "SELECT create_distributed_table('rib.route_event', 'rib_id')"
    yield (
        "SELECT create_distributed_table('rib.nlri_event', 'rib_id', "
        "colocate_with => 'rib.route_event')"
    )
