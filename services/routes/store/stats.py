"""What the store says of itself: how much it has, and when something last came into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

# The planner's own numbers, which ANALYZE keeps: -1 for a table that it has not seen.
_ESTIMATE = """(SELECT sum(c.reltuples) FILTER (WHERE c.reltuples >= 0)::int8
                  FROM pg_class AS c WHERE {which})"""
_EVENTS = """c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent IN
                             ('rib.route_event'::regclass, 'rib.nlri_event'::regclass))"""

_FACTS = f"""
SELECT transaction_timestamp() AS now,
       (SELECT count(*) FROM rib.router) AS routers,
       (SELECT count(DISTINCT router_id) FROM rib.connection) AS routers_connected,
       (SELECT max(last_message_at) FROM rib.router) AS heard_at,
       (SELECT count(*) FROM rib.writer
         WHERE alive_at > clock_timestamp() - interval '30 seconds') AS writers,
       p.*, h.history_at, h.current_at, h.batches_between,
       (SELECT complete FROM standby) AS lag_s,
       {_ESTIMATE.format(which="c.oid = 'rib.path_attributes'::regclass")} AS attribute_sets,
       {_ESTIMATE.format(which=_EVENTS)} AS events
  FROM (SELECT count(*) AS peers, count(*) FILTER (WHERE state = 'up') AS peers_up,
               count(*) FILTER (WHERE state = 'down') AS peers_down,
               count(*) FILTER (WHERE state = 'lost') AS peers_lost FROM rib.peer) AS p,
       (SELECT max(committed_at) FILTER (WHERE stage = 'history') AS history_at,
               max(committed_at) FILTER (WHERE stage = 'current') AS current_at,
               coalesce(sum(last_batch) FILTER (WHERE stage = 'history')
                   - sum(last_batch) FILTER (WHERE stage = 'current'), 0)::int8 AS batches_between
          FROM rib.progress) AS h
"""
# How far a standby is behind; what is not one has everything that is committed. A primary that
# writes nothing leaves its standby's last transaction old, although nothing is missing.
_STANDBY = """
WITH standby AS (
    SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
                WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
                END::float8 AS complete)
"""

_CHURN = """
SELECT coalesce(sum(updates), 0)::int8 AS updates,
       coalesce(sum(withdrawals), 0)::int8 AS withdrawals,
       coalesce(sum(path_changes), 0)::int8 AS path_changes
  FROM rib.churn_peer WHERE bucket > transaction_timestamp() - interval '1 hour'
"""


async def facts(conn: AsyncConnection) -> RowMapping:
    """Numbers of routers and peers, moments of the last commits, and how far a standby lags."""
    return (await conn.execute(text(_STANDBY + _FACTS))).mappings().one()


async def churn_of_last_hour(conn: AsyncConnection) -> RowMapping:
    """`updates`, `withdrawals` and `path_changes` of all peers."""
    return (await conn.execute(text(_CHURN))).mappings().one()


async def ribs(conn: AsyncConnection) -> Sequence[RowMapping]:
    """Every RIB."""
    result = await conn.execute(text("SELECT * FROM rib.peer_rib"))
    return result.mappings().all()
