"""The history of a MAC address in EVPN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from shared.contracts.vocabulary import EVPN

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

_MAC_IP = 2

# The newest first: where there are too many, the oldest are left out.
_EVENTS = f"""
SELECT e.time, e.seq, e.session, e.rib_id, e.path_id, e.nlri_id, e.attr_id IS NULL AS is_withdrawal,
       n.rd, n.fields, e.detail, host(a.next_hop) AS next_hop, a.ext_communities
  FROM rib.nlri AS n
  JOIN rib.nlri_event AS e USING (nlri_id)
  LEFT JOIN rib.path_attributes AS a USING (attr_id)
 WHERE n.mac = CAST(CAST(:mac AS text) AS macaddr) AND n.family = {EVPN}
   AND n.route_type = {_MAC_IP} AND e.rib_id = ANY (:ribs) AND {{until}}
 ORDER BY e.time DESC, e.seq DESC
 LIMIT :limit
"""

_SWEEPS = f"""
SELECT time, seq, peer_id, session, view
  FROM rib.sweep
 WHERE peer_id = ANY (:peers) AND time >= :since AND (family IS NULL OR family = {EVPN})
"""


async def mac_events(
    conn: AsyncConnection,
    mac: str,
    rib_ids: Collection[int],
    *,
    until: datetime | None,
    limit: int,
) -> Sequence[RowMapping]:
    """The last announcements and withdrawals of the address in these RIBs."""
    values: dict[str, Any] = {"mac": mac, "ribs": list(rib_ids), "limit": limit}
    condition = "true"
    if until is not None:
        condition, values["until"] = "e.time <= :until", until
    result = await conn.execute(text(_EVENTS.format(until=condition)), values)
    return result.mappings().all()


async def sweeps(
    conn: AsyncConnection, peer_ids: Collection[int], since: datetime
) -> Sequence[RowMapping]:
    """When routes of older sessions of these peers were gone; `view` None: in every RIB view."""
    values = {"peers": list(peer_ids), "since": since}
    return (await conn.execute(text(_SWEEPS), values)).mappings().all()
