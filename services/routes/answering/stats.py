"""Where the way from a router to an answer is open, and where it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.contracts.stats import Hop, Rates, StatsBody, Totals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping

    from services.routes.answering.counting import Known
    from shared.contracts.stats import IngestPart

_SLOW_SECONDS = 30.0
"""A standby that is so far behind is not up to date for anybody."""


def stats_body(
    facts: RowMapping,
    churn: RowMapping,
    ribs: Sequence[RowMapping],
    known: Known,
    parts: list[IngestPart],
) -> StatsBody:
    """`facts`, `churn` and `ribs` are the store's, `parts` what the ingest services answered."""
    by_family = known.by_family(ribs)
    hops = way(facts, parts)
    return StatsBody(
        totals=Totals(
            **{name: facts[name] for name in _COUNTS},
            routes=None if by_family is None else sum(by_family.values()),
            routes_by_family=by_family,
            routes_as_of=known.at,
            routes_exact=known.is_exact,
            attribute_sets_estimate=facts["attribute_sets"],
            history_events_estimate=facts["events"],
        ),
        rates=Rates(
            committed_per_s=known.committed_per_s,
            updates_1h=churn["updates"],
            withdrawals_1h=churn["withdrawals"],
            path_changes_1h=churn["path_changes"],
        ),
        hops=hops,
        stops_at=next((hop.name for hop in hops if hop.state != "ok"), None),
        ingest=parts,
    )


_COUNTS = ("routers", "routers_connected", "peers", "peers_up", "peers_down", "peers_lost")


def way(facts: RowMapping, parts: Sequence[IngestPart]) -> list[Hop]:
    """Every hop with its state, from the routers' sockets on."""
    return [
        _socket(facts, parts),
        _decoded(facts, parts),
        _history(facts, parts),
        _current(facts),
        _visible(facts),
    ]


def _socket(facts: RowMapping, parts: Sequence[IngestPart]) -> Hop:
    answers = [part.stats for part in parts if part.stats is not None]
    at = facts["heard_at"]
    if not facts["writers"]:
        says = "no ingest process has said in the last 30 s that it lives"
        return _hop("socket", "stopped", says, at)
    if not facts["routers_connected"] and not any(one.connections for one in answers):
        return _hop("socket", "waiting", "no router is connected", at)
    octets = sum(one.received_bytes for one in answers)
    says = f"{facts['routers_connected']} routers are connected"
    return _hop("socket", "ok", f"{says}; {octets} octets were read" if answers else says, at)


def _decoded(facts: RowMapping, parts: Sequence[IngestPart]) -> Hop:
    at = facts["heard_at"]
    if silent := [f"{part.address}: {part.error}" for part in parts if part.stats is None]:
        says = f"no answer from the ingest service at {'; '.join(silent)}"
        return _hop("decoded", "unknown", says, at)
    messages = sum(part.stats.messages for part in parts if part.stats)
    if not messages and not facts["peers"]:
        return _hop("decoded", "waiting", "no BMP message has come yet", at)
    if not facts["peers"]:
        says = f"{messages} BMP messages came, and none says that a peer is up"
        return _hop("decoded", "waiting", says, at)
    return _hop("decoded", "ok", f"{messages} BMP messages since ingest started", at)


def _history(facts: RowMapping, parts: Sequence[IngestPart]) -> Hop:
    at = facts["history_at"]
    figures = [part.stats for part in parts if part.stats is not None]
    pending = sum(one.pending_routes for one in figures)
    if reasons := [one.waiting_for for one in figures if one.waiting_for]:
        says = f"{pending} routes wait for the database: {'; '.join(reasons)}"
        return _hop("history", "stopped", says, at)
    if at is None:
        return _hop("history", "waiting", "nothing was ever committed", at)
    return _hop("history", "ok", f"{pending} routes are decoded and not committed yet", at)


def _current(facts: RowMapping) -> Hop:
    at, heard_at = facts["current_at"], facts["heard_at"]
    if at is None:
        return _hop("current", "waiting", "nothing was ever committed", at)
    # A batch notes when its routers were last heard, in the transaction that commits it.
    lag = None if heard_at is None else max((at - heard_at).total_seconds(), 0.0)
    between = max(facts["batches_between"], 0)
    return _hop("current", "ok", f"{between} batches are in the history alone", at, lag)


def _visible(facts: RowMapping) -> Hop:
    lag = facts["lag_s"]
    if lag is None:
        says = "the standby that answers has not replayed anything since it started"
        return _hop("visible", "unknown", says, facts["current_at"])
    if lag > _SLOW_SECONDS:
        says = "the standby that answers is behind its primary"
        return _hop("visible", "stopped", says, facts["current_at"], lag)
    return _hop("visible", "ok", "what is committed is answered", facts["current_at"], lag)


def _hop(name: str, state: str, says: str, at: datetime | None, lag: float | None = None) -> Hop:
    return Hop.model_validate(
        {
            "name": name,
            "state": state,
            "says": says,
            "at": at,
            "lag_s": None if lag is None else round(lag, 3),
        }
    )
