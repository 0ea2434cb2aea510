"""What is asked: each kind of question with its bar, its pace, and many of its kind to ask.

What they ask about is drawn from the store in proportion to what is in it, so that common values
come often and rare ones too, and the same every time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bench.query_world import DAYS, END, START

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.ingest.database import Conn

QUESTIONS = 600
_CALM_DAYS = 18
"""The last days, in which no peer lost a whole table and was told it again."""

# Questions of all clients a second, and what 99 and 50 of 100 answers may take in milliseconds.
_BARS: dict[str, tuple[float, float, float | None]] = {
    "exact": (100, 25, 5),
    "longest": (100, 25, 5),
    "more specifics of a /16": (40, 60, None),
    "origin": (40, 60, None),
    "EVPN MAC": (40, 60, None),
    "AS path contains": (20, 150, None),
    "community": (20, 150, None),
    "churn of a day": (10, 100, None),
    "events of a prefix in 30 days": (40, 60, None),
    "history of a prefix in 30 days": (20, 60, None),
    "prefix at a past moment": (40, 60, None),
}

_PREFIXES = """
SELECT prefix::text, host(prefix), family(prefix)
  FROM rib.route TABLESAMPLE BERNOULLI (0.5) REPEATABLE (1)
 ORDER BY hashtext(prefix::text) LIMIT 1000
"""
_NETWORKS = """
SELECT DISTINCT network(set_masklen(prefix::inet, 16))::text, 0
  FROM (SELECT prefix FROM rib.route TABLESAMPLE BERNOULLI (0.5) REPEATABLE (2)
         WHERE family(prefix) = 4 AND masklen(prefix) > 16) AS r LIMIT 1000
"""
_SETS = """
SELECT origin_asn, as_path[2 + (hashint8(attr_id) & 1)], communities[1 + (hashint8(attr_id) & 7)
       % cardinality(communities)]
  FROM rib.route TABLESAMPLE BERNOULLI (0.5) REPEATABLE (3) JOIN rib.path_attributes USING (attr_id)
 WHERE origin_asn IS NOT NULL AND cardinality(communities) > 0
 ORDER BY hashint8(attr_id) LIMIT 1000
"""
_MACS = "SELECT mac::text FROM rib.nlri WHERE mac IS NOT NULL ORDER BY hashint8(nlri_id) LIMIT 1000"
# Half of them change often.
_CHURNED = """
(SELECT prefix::text FROM rib.churn_prefix GROUP BY prefix ORDER BY sum(updates) DESC LIMIT 300)
UNION ALL
(SELECT prefix::text FROM rib.route TABLESAMPLE BERNOULLI (0.5) REPEATABLE (4) LIMIT 300)
"""
_PEER = "SELECT peer_id FROM rib.peer_rib WHERE valid_session > 1 ORDER BY rib_id LIMIT 1"


@dataclass(frozen=True, slots=True)
class Kind:
    """Questions of one kind. The bars are in milliseconds; `rate` is of all clients, a second."""

    name: str
    paths: list[str]
    rate: float
    p99: float
    p50: float | None


async def kinds(conn: Conn) -> list[Kind]:
    """All that have a bar, but the stream."""
    pick = random.Random("questions")  # noqa: S311 - figures to measure with, no secret
    prefixes = await conn.fetch(_PREFIXES)
    networks = [row[0] for row in await conn.fetch(_NETWORKS)]
    sets = await conn.fetch(_SETS)
    macs = [row[0] for row in await conn.fetch(_MACS)]
    churned = [row[0] for row in await conn.fetch(_CHURNED)]

    def many(path: str, draw: Callable[[], dict[str, object]]) -> list[str]:
        return [f"{path}?{urlencode(draw())}" for _ in range(QUESTIONS)]

    def routes(draw: Callable[[], dict[str, object]]) -> list[str]:
        return many("/api/v1/routes", draw)

    def day() -> dict[str, object]:
        ends = END - timedelta(minutes=5 * pick.randrange(_CALM_DAYS * 288))
        return {"starttime": _text(ends - timedelta(days=1)), "endtime": _text(ends)}

    month = {"starttime": _text(START), "endtime": _text(END)}
    changed = [{"prefix": pick.choice(churned), **month} for _ in range(QUESTIONS)]
    asked = {
        "exact": routes(lambda: {"prefix": pick.choice(prefixes)[0]}),
        "longest": routes(lambda: {"prefix": _inside(pick, pick.choice(prefixes))}),
        "more specifics of a /16": routes(
            lambda: {"prefix": pick.choice(networks), "match": "longer"}
        ),
        "origin": routes(lambda: {"origin_asn": pick.choice(sets)[0]}),
        "EVPN MAC": [f"/api/v1/evpn/mac/{pick.choice(macs)}" for _ in range(QUESTIONS)],
        "AS path contains": routes(lambda: {"as_path": pick.choice(sets)[1]}),
        "community": routes(lambda: {"community": _community(pick.choice(sets)[2])}),
        "churn of a day": many("/api/v1/churn/top", lambda: {"by": "prefix", **day()}),
        "events of a prefix in 30 days": [f"/api/v1/updates?{urlencode(one)}" for one in changed],
        "history of a prefix in 30 days": [f"/api/v1/history?{urlencode(one)}" for one in changed],
        "prefix at a past moment": routes(
            lambda: {"prefix": pick.choice(prefixes)[0], "timestamp": _moment(pick)}
        ),
    }
    return [Kind(name, paths, *_BARS[name]) for name, paths in asked.items()]


async def past_tables(conn: Conn) -> list[str]:
    """The whole RIB of a peer at moments of the past, before and after it was reset."""
    peer = await conn.fetchval(_PEER)
    moments = [START + timedelta(days=days, hours=7) for days in (1, 9, 11, DAYS - 1)]
    asked = ({"peer": peer, "timestamp": _text(at), "format": "ndjson"} for at in moments)
    return [f"/api/v1/routes?{urlencode(one)}" for one in asked]


def _moment(pick: random.Random) -> str:
    return _text(START + timedelta(hours=1) + timedelta(seconds=pick.randrange(DAYS * 86_000)))


def _inside(pick: random.Random, prefix: tuple[str, str, int]) -> str:
    """An address of this network, its first or one of those after it in the last octet."""
    _, address, family = prefix
    return address if family == 6 else f"{address.rpartition('.')[0]}.{pick.randrange(256)}"


def _community(number: int) -> str:
    return f"{number >> 16}:{number & 0xFFFF}"


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
