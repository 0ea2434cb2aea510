"""functions and views for people and their SQL (docs/sql.md)"""

from __future__ import annotations

from alembic import op

from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_EVPN = 0x1946

# The planner puts these in the place of their calls, as long as they are not STRICT and say
# nothing that depends on a setting; a call for each route would cost more than all the rest.
_NAMES = """
CREATE FUNCTION rib.family_name(int4) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE $1 {families}
          ELSE 'afi_' || ($1 >> 8)::text || '_safi_' || ($1 & 255)::text END $$;

CREATE FUNCTION rib.view_name(int2) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE $1 {views} END $$;

-- What a route is now: active; stale, the last that is known since its router's connection ended
-- or until the router has sent it again; withdrawn.
CREATE FUNCTION rib.route_state(is_withdrawn boolean, session int4, valid_session int4,
                                active_session int4, peer_state text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN is_withdrawn OR session < valid_session THEN 'withdrawn'
               WHEN peer_state = 'lost' OR session < active_session THEN 'stale'
               ELSE 'active' END $$;

-- 65020:100 as a number (RFC 1997).
CREATE FUNCTION rib.community(text) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (split_part($1, ':', 1)::int8 << 16) + split_part($1, ':', 2)::int8 $$;
"""

# The first three have the columns of the schema that bgpilot was asked for, and more; they stand
# where queries look for them without a schema's name. What a query does not ask for is not joined:
# each LEFT JOIN is to a unique key.
_VIEWS = """
CREATE VIEW bmp_peers AS
SELECT t.address AS peer_ip, t.bgp_id AS router_id, t.first_seen,
       coalesce(t.last_message_at, t.first_seen) AS last_seen,
       EXISTS (SELECT FROM rib.connection AS c WHERE c.router_id = t.router_id) AS is_active,
       t.asn AS bmp_peer_asn, t.sys_name, t.sys_descr
  FROM rib.router AS t;

CREATE VIEW peer_events AS
SELECT e.time, t.address AS peer_ip, CASE WHEN e.event IN ('up', 'down', 'lost')
       THEN 'peer_' || e.event ELSE e.event END AS event_type,
       e.reason_code::int4, p.address AS bgp_peer_ip, p.asn AS bgp_peer_asn, p.distinguisher,
       rib.family_name(e.family) AS family, rib.view_name(e.view) AS rib, e.reason,
       e.router_time, e.seq, e.session
  FROM rib.peer_event AS e
  LEFT JOIN rib.peer AS p USING (peer_id)
  LEFT JOIN rib.router AS t USING (router_id);

-- is_withdrawn: the event withdrew the route, or the route is gone by now. So what is not
-- withdrawn is live, whichever of its announcements a query finds.
CREATE VIEW route_updates AS
SELECT e.time, t.address AS bmp_peer_ip, p.local_asn AS bmp_peer_asn, p.address AS bgp_peer_ip,
       p.asn AS bgp_peer_asn, rib.family_name(b.family) AS family, e.prefix, a.next_hop, a.as_path,
       {communities} AS communities, a.med, a.local_pref,
       e.attr_id IS NULL
           OR coalesce(r.is_withdrawn OR r.session < b.valid_session, true) AS is_withdrawn,
       NULL::int4 AS evpn_route_type, NULL::text AS evpn_rd, NULL::text AS evpn_esi,
       NULL::macaddr AS mac_address,
       rib.view_name(b.view) AS rib, e.path_id, NULL::text AS rd, NULL::jsonb AS nlri,
       e.attr_id IS NULL AS is_withdrawal, e.router_time, e.seq, e.session, e.attr_id,
       a.communities AS community_numbers
  FROM rib.route_event AS e
  LEFT JOIN rib.peer_rib AS b USING (rib_id)
  LEFT JOIN rib.peer AS p USING (peer_id)
  LEFT JOIN rib.router AS t USING (router_id)
  LEFT JOIN rib.path_attributes AS a USING (attr_id)
  LEFT JOIN rib.route AS r ON r.prefix = e.prefix AND r.rib_id = e.rib_id
        AND r.path_id = rib.path_id_bits(e.path_id)
UNION ALL
SELECT e.time, t.address, p.local_asn, p.address, p.asn, rib.family_name(b.family), n.prefix,
       a.next_hop, a.as_path, {communities}, a.med, a.local_pref,
       e.attr_id IS NULL OR coalesce(r.is_withdrawn OR r.session < b.valid_session, true),
       {evpn_route_type}, {evpn_rd}, {evpn_esi}, n.mac,
       rib.view_name(b.view), e.path_id, n.rd, n.fields || coalesce(e.detail, '{{}}'),
       e.attr_id IS NULL, e.router_time, e.seq, e.session, e.attr_id, a.communities
  FROM rib.nlri_event AS e
  LEFT JOIN rib.nlri AS n USING (nlri_id)
  LEFT JOIN rib.peer_rib AS b USING (rib_id)
  LEFT JOIN rib.peer AS p USING (peer_id)
  LEFT JOIN rib.router AS t USING (router_id)
  LEFT JOIN rib.path_attributes AS a USING (attr_id)
  LEFT JOIN rib.nlri_route AS r ON r.nlri_id = e.nlri_id AND r.rib_id = e.rib_id
        AND r.path_id = rib.path_id_bits(e.path_id);

CREATE VIEW current_routes AS
SELECT {state} AS state,
       t.address AS bmp_peer_ip, p.address AS bgp_peer_ip, p.asn AS bgp_peer_asn,
       rib.family_name(b.family) AS family, rib.view_name(b.view) AS rib, r.prefix,
       CASE WHEN b.has_path_ids THEN r.path_id & 4294967295 END AS path_id,
       a.next_hop, a.as_path, a.origin_asn, {communities} AS communities,
       a.med, a.local_pref, r.first_seen, r.last_changed, {last_confirmed} AS last_confirmed,
       NULL::text AS rd, NULL::macaddr AS mac_address, NULL::jsonb AS nlri,
       r.attr_id, r.rib_id, p.peer_id, t.router_id, a.communities AS community_numbers
  FROM rib.route AS r
  JOIN rib.peer_rib AS b USING (rib_id)
  JOIN rib.peer AS p USING (peer_id)
  JOIN rib.router AS t USING (router_id)
  LEFT JOIN rib.path_attributes AS a USING (attr_id)
  {said_prefix}
UNION ALL
SELECT {state},
       t.address, p.address, p.asn, rib.family_name(b.family), rib.view_name(b.view), n.prefix,
       CASE WHEN b.has_path_ids THEN r.path_id & 4294967295 END,
       a.next_hop, a.as_path, a.origin_asn, {communities}, a.med,
       a.local_pref, r.first_seen, r.last_changed, {last_confirmed},
       n.rd, n.mac, n.fields || coalesce(r.detail, '{{}}'), r.attr_id, r.rib_id, p.peer_id,
       t.router_id, a.communities
  FROM rib.nlri_route AS r
  JOIN rib.nlri AS n USING (nlri_id)
  JOIN rib.peer_rib AS b USING (rib_id)
  JOIN rib.peer AS p USING (peer_id)
  JOIN rib.router AS t USING (router_id)
  LEFT JOIN rib.path_attributes AS a USING (attr_id)
  {said_nlri};
"""

# Of a table that is being sent again, whether a route was said again is in the history only. An
# aggregate yields one row, so whoever does not ask for it does not pay for it.
_SAID = """LEFT JOIN LATERAL (
       SELECT max(e.session) AS session, max(e.time) AS time FROM rib.{event} AS e
        WHERE p.state = 'up' AND r.session < p.session AND NOT r.is_withdrawn
          AND b.complete_session IS DISTINCT FROM p.session
          AND e.{key} = r.{key} AND e.rib_id = r.rib_id AND rib.path_id_bits(e.path_id) = r.path_id
          AND e.session > r.session AND e.attr_id IS NOT NULL) AS said ON true"""

_OF_EVPN = f"CASE WHEN n.family = {_EVPN} THEN {{}} END"
_COLUMNS = {
    # All that counts is active once its table is complete.
    "state": "rib.route_state(r.is_withdrawn, coalesce(said.session, r.session), b.valid_session, "
    "CASE WHEN b.complete_session = p.session THEN b.valid_session ELSE p.session END, p.state)",
    "last_confirmed": "CASE WHEN r.is_withdrawn OR r.session < b.valid_session "
    "THEN r.last_confirmed ELSE greatest(said.time, r.last_confirmed, b.complete_at) END",
    "said_prefix": _SAID.format(event="route_event", key="prefix"),
    "said_nlri": _SAID.format(event="nlri_event", key="nlri_id"),
    # 65020:100 and so on (RFC 1997). Written out: a function with an aggregate costs thrice that.
    "communities": "CASE WHEN a.communities IS NOT NULL THEN ARRAY(SELECT (c >> 16)::text || ':' "
    "|| (c & 65535)::text FROM unnest(a.communities) AS c) END",
    "evpn_route_type": _OF_EVPN.format("n.route_type::int4"),
    "evpn_rd": _OF_EVPN.format("n.rd"),
    "evpn_esi": _OF_EVPN.format("coalesce(e.detail #>> '{esi,value}', n.fields #>> '{esi,value}')"),
}


def upgrade() -> None:
    """Creates what schema `rib` is read through by hand."""
    names = _NAMES.format(
        families=_when(FAMILIES),
        views=_when(RIB_VIEWS),
    )
    for statement in (names + _VIEWS.format(**_COLUMNS)).split(";\n"):
        if statement.strip():
            op.execute(statement)


def _when(names: dict[int, str]) -> str:
    return " ".join(f"WHEN {number} THEN '{name}'" for number, name in names.items())
