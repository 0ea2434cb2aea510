"""From counts to the bodies of answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from services.routes.answering.fields import address_text, router_name
from shared.contracts.history import ActivitySample, ChurnBody, ChurnPeer, ChurnRouter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.routes.asking.windows import Window
    from shared.contracts.history import ChurnKey, ChurnMetric

    Row = Mapping[str, Any]


def churn_body(row: Row, by: ChurnKey, metric: ChurnMetric, total: int) -> ChurnBody:
    """One of what changed most; `total` is what the metric counts of all."""
    key = row["key"]
    return ChurnBody(
        key=str(key),
        prefix=str(key) if by == "prefix" else None,
        origin_asn=key if by == "origin_asn" else None,
        peer=_peer(row) if by == "peer" else None,
        router=ChurnRouter(id=key, name=router_name(row)) if by == "router" else None,
        updates=row["updates"],
        withdrawals=row["withdrawals"],
        path_changes=row["path_changes"],
        last_change=row["last_change"],
        # Ingest may have counted more of this key than of the whole since the one was read.
        share=round(min(row[metric] / total, 1.0), 6) if total else 1.0,
    )


def samples(rows: Iterable[Row], window: Window, period_s: int) -> list[ActivitySample]:
    """A sample of each period of the window, which is in whole periods; quiet ones are zero."""
    counted = {row["at"]: row for row in rows}
    period = timedelta(seconds=period_s)
    found = []
    for number in range(window.span // period):
        start = window.start + number * period
        row = counted.get(start)
        found.append(
            ActivitySample(
                starttime=start,
                announcements=row["announcements"] if row else 0,
                withdrawals=row["withdrawals"] if row else 0,
            )
        )
    return found


def _peer(row: Row) -> ChurnPeer:
    return ChurnPeer(
        id=row["key"],
        address=address_text(row["address"]),
        asn=row["asn"],
        router_id=row["router_id"],
        router=router_name(row),
    )
