"""What a caller asks of the counts: what changed most, and how much happened when."""

# Annotations stay objects here: FastAPI reads them when the app is made.
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query

from services.routes.asking import values
from services.routes.asking.routes import RouteFilter
from services.routes.asking.windows import EndTime, Window, read_span, read_window
from services.routes.asking.words import ASN, PEER, ROUTER, split
from shared.contracts.history import ChurnKey, ChurnMetric
from shared.web.problem import parameter_error

BUCKET_SECONDS = 300
"""By which ingest counts."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
# What people divide time by. Those from five minutes on are whole numbers of buckets.
_PERIODS = (
    *(1, 2, 5, 10, 15, 30),
    *(one * _MINUTE for one in (1, 2, 5, 10, 15, 30)),
    *(one * _HOUR for one in (1, 2, 3, 6, 12)),
)


@dataclass(slots=True)
class ChurnQuestion:
    """What changed most in a window of whole buckets."""

    by: ChurnKey
    metric: ChurnMetric
    window: Window
    limit: int


def churn_question(
    *,
    by: Annotated[ChurnKey, Query(description="Of what the changes are added up")] = "prefix",
    metric: Annotated[
        ChurnMetric,
        Query(description="What the order and `share` go by; `path_changes` are among `updates`"),
    ] = "updates",
    window: Annotated[
        str | None, Query(description="How long, such as `1h` or `7d`, in place of starttime")
    ] = None,
    starttime: Annotated[
        str | None, Query(description="As in /updates; default: an hour before endtime")
    ] = None,
    endtime: EndTime = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many")] = 20,
) -> ChurnQuestion:
    """What changed most: of which things, by which count, when."""
    if window is not None and starttime is not None:
        raise parameter_error("window", "it says what starttime says; give one of them")
    span = timedelta(hours=1) if window is None else read_span("window", window)
    whole = in_periods(read_window(starttime, endtime, span), BUCKET_SECONDS)
    return ChurnQuestion(by, metric, whole, limit)


def of_peers(
    *,
    router: Annotated[list[str], ROUTER],
    peer: Annotated[list[str], PEER],
    peer_asn: Annotated[list[str], ASN],
) -> RouteFilter:
    """Of which peers' routes a request asks."""
    asked = RouteFilter(peer_asns=[values.read_asn("peer_asn", one) for one in peer_asn])
    split("router", router, asked.router_ids, asked.router_addresses)
    split("peer", peer, asked.peer_ids, asked.peer_addresses)
    return asked


def activity_filter(
    *,
    prefix: Annotated[
        str | None, Query(description="Its history is counted event by event")
    ] = None,
    asked: Annotated[RouteFilter, Depends(of_peers)],
    origin_asn: Annotated[list[str], ASN],
) -> RouteFilter:
    """Whose activity a request asks for."""
    if origin_asn and (prefix is not None or asked != RouteFilter()):
        detail = "changes are counted by origin or by peer, not by both; /api/v1/updates tells both"
        raise parameter_error("origin_asn", detail)
    asked.origin_asns = [values.read_asn("origin_asn", one) for one in origin_asn]
    if prefix is not None:
        asked.prefix, asked.match = values.read_prefix(prefix)
    return asked


def sampling(
    window: Window, max_samples: int, min_period_s: int, *, of_buckets: bool
) -> tuple[Window, int]:
    """A round period that makes no more samples than that, and the window in whole periods."""
    unit = BUCKET_SECONDS if of_buckets else 1
    whole = in_periods(window, unit)
    seconds = int(whole.span.total_seconds())
    smallest = max(min_period_s, unit, math.ceil(seconds / max_samples))
    days = math.ceil(smallest / _DAY) * _DAY
    period = next((one for one in _PERIODS if one >= smallest), days)
    samples = math.ceil(seconds / period)
    return replace(whole, end=whole.start + samples * timedelta(seconds=period)), period


def in_periods(window: Window, period_s: int) -> Window:
    """The window, grown to whole periods since 1970."""
    period = timedelta(seconds=period_s)
    start = _EPOCH + (window.start - _EPOCH) // period * period
    end = _EPOCH - (_EPOCH - window.end) // period * period
    return replace(window, start=start, end=end)


def churn_as_asked(asked: ChurnQuestion) -> dict[str, Any]:
    """The question as it took effect."""
    return {
        "by": asked.by,
        "metric": asked.metric,
        "limit": asked.limit,
        **asked.window.as_asked(),
    }
