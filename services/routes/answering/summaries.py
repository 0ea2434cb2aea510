"""How many routes there are, by router, peer, RIB view, family, origin and RPKI state."""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from services.routes.answering.fields import address_text, router_name
from services.routes.enrichment import origin
from services.routes.store.current import statement, tables
from services.routes.store.driver import chunks, fetch
from shared.contracts.routes import RouteCount, RoutePeer
from shared.contracts.vocabulary import RIB_VIEWS, family_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from services.routes.answering.route_answers import RouteAnswers
    from services.routes.enrichment import origin
from services.routes.store.current import Statement

GROUPS = ("peer", "router", "family", "rib", "origin_asn", "rpki")

_OF_PEERS = {"peer": ("peer_id", "router_id"), "router": ("router_id",)}
_OF_RIBS = {"family": "family", "rib": "view"}
# A few milliseconds of work at a time, so that other requests are not kept waiting.
_ROWS = 4_000


async def summary(answers: RouteAnswers, groups: Sequence[str]) -> list[RouteCount]:
    """A count for each group that has routes, the largest first."""
    counted: Counter[tuple[Any, ...]] = Counter()
    samples: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    async for rib_id, origin_asn, rpki, routes in _counts(answers, groups):
        rib = answers.ribs[rib_id]
        key = (*_of_rib(rib, groups), origin_asn, rpki)
        counted[key] += routes
        samples[key] = rib
    ordered = sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))
    return [_body(samples[key], key, routes, groups) for key, routes in ordered]


async def _counts(
    answers: RouteAnswers, groups: Sequence[str]
) -> AsyncGenerator[tuple[int, int | None, str | None, int], None]:
    """Counts by RIB, origin and RPKI state, several for one group."""
    asked, by_rpki = answers.asked, "rpki" in groups or bool(answers.asked.rpki)
    for table in tables(asked, answers.ribs):
        made = statement(table, asked, answers.ribs, answers.moment)
        made.joins_attributes |= by_rpki or "origin_asn" in groups
        if by_rpki:
            async for each in _by_rpki(answers, made, groups):
                yield each
            continue
        origin_asn = "a.origin_asn" if "origin_asn" in groups else "NULL::int8"
        columns = f"r.rib_id, {origin_asn} AS origin_asn, count(*) AS routes"
        for row in await fetch(answers.conn, f"{made.sql(columns)} GROUP BY 1, 2", made.values):
            yield row["rib_id"], row["origin_asn"], None, row["routes"]


async def _by_rpki(
    answers: RouteAnswers, made: Statement, groups: Sequence[str]
) -> AsyncGenerator[tuple[int, int | None, str | None, int], None]:
    # The VRPs are here and not in the database, so each route has to come here.
    prefix = "r.prefix" if made.table == "route" else "n.prefix"
    columns = f"r.rib_id, a.origin_asn, {origin.SQL} AS origin, {prefix}::text AS prefix"
    by_origin, rpki_state = "origin_asn" in groups, answers.rpki_state
    counted: Counter[tuple[int, int | None, str | None]] = Counter()
    found = chunks(answers.conn, made.sql(columns), made.values, first=_ROWS, rows=_ROWS)
    async with aclosing(found):
        async for rows in found:
            for row in rows:
                rib_id = row["rib_id"]
                state = rpki_state(rib_id, row["prefix"], row["origin"])
                counted[rib_id, row["origin_asn"] if by_origin else None, state] += 1
    for (rib_id, asn, state), routes in counted.items():
        if not answers.asked.rpki or state in answers.asked.rpki:
            yield rib_id, asn, state if "rpki" in groups else None, routes


def _of_rib(rib: Mapping[str, Any], groups: Sequence[str]) -> tuple[Any, ...]:
    names = [name for group in groups for name in _OF_PEERS.get(group, ())]
    names += [_OF_RIBS[group] for group in groups if group in _OF_RIBS]
    return tuple(rib[name] for name in names)


def _body(
    rib: Mapping[str, Any], key: tuple[Any, ...], routes: int, groups: Sequence[str]
) -> RouteCount:
    body = RouteCount(routes=routes)
    if "peer" in groups or "router" in groups:
        body.router_id, body.router = rib["router_id"], router_name(rib)
    if "peer" in groups:
        body.peer = RoutePeer(
            id=rib["peer_id"], address=address_text(rib["address"]), asn=rib["asn"]
        )
    body.family = family_name(rib["family"]) if "family" in groups else None
    body.rib = RIB_VIEWS[rib["view"]] if "rib" in groups else None
    body.origin_asn, body.rpki = key[-2:]
    return body
