"""What there is for one prefix, and around it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import orjson

from services.routes.answering.route_answers import Question, RouteAnswers
from services.routes.store.current import count_prefixes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection
    from starlette.datastructures import State

    from services.routes.answering.route_answers import Page
    from services.routes.asking.values import Match

MOST_COUNTED = 1_000
"""More specific prefixes are counted up to here."""


@dataclass(slots=True)
class Around:
    """A rendered `RoutesOfPrefix`, and what is to be said of it."""

    body: str
    as_of: datetime | None
    count: int
    warnings: list[str] = field(default_factory=list)
    is_truncated: bool = False


async def around(
    question: Question,
    conn: AsyncConnection,
    state: State,
    include: Sequence[str],
    limit: int,
) -> Around:
    """Routes of the prefix that is asked for, and up to `limit` of those around it."""
    answers = await RouteAnswers.to(question, conn, state)
    exact = await answers.page(limit)
    pages = [exact]
    prefixes = [orjson.loads(one)["prefix"] for one in exact.items]
    if question.asked.is_longest and prefixes:
        # Peers may have different ones; what is around is around the longest.
        networks = map(ipaddress.ip_network, prefixes)
        question.asked.prefix = max(networks, key=lambda one: one.prefixlen)
    longer = _matching(question, "longer").asked
    inside = await count_prefixes(conn, longer, answers.ribs, question.moment, MOST_COUNTED + 1)
    fields = [
        f'"prefix":"{question.asked.prefix}"',
        f'"routes":[{",".join(exact.items)}]',
        f'"more_specifics_count":{min(inside, MOST_COUNTED)}',
    ]
    for name, field_name, match in _AROUND:
        if name in include:
            page = await answers.about(_matching(question, match)).page(limit)
            fields.append(f'"{field_name}":[{",".join(page.items)}]')
            pages.append(page)
    return Around(
        f"{{{','.join(fields)}}}",
        answers.as_of,
        len(exact.items),
        _warnings(pages, inside, question),
        any(page.following is not None for page in pages),
    )


_AROUND: tuple[tuple[str, str, Match], ...] = (
    ("lessSpecifics", "less_specifics", "shorter"),
    ("moreSpecifics", "more_specifics", "longer"),
)


def _matching(question: Question, match: Match) -> Question:
    return replace(question, asked=replace(question.asked, match=match))


def _warnings(pages: Sequence[Page], inside: int, question: Question) -> list[str]:
    warnings = list(dict.fromkeys(one for page in pages for one in page.warnings))
    if inside > MOST_COUNTED:
        warnings.append(f"there are more than {MOST_COUNTED:,} prefixes inside")
    if any(page.following is not None for page in pages):
        prefix = question.asked.prefix
        warnings.append(
            f"not all is shown; /api/v1/routes?prefix={prefix} with match=exact, longer or "
            "shorter has pages"
        )
    return warnings
