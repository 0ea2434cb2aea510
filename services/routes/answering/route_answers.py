"""Answers to questions about routes: pages, streams and counts, whatever was asked."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from services.routes.answering.attributes import AttributeTexts
from services.routes.answering.expanding import expanded
from services.routes.answering.fields import router_name
from services.routes.answering.moments import cautions
from services.routes.answering.routes import CSV_HEADER, Routes
from services.routes.answering.streams import ahead
from services.routes.asking.words import as_asked
from services.routes.store.current import statement, tables
from services.routes.store.driver import fetch
from services.routes.store.lookup import look_up
from services.routes.store.past import chosen_at
from services.routes.store.ribs import chosen, known_ribs, with_routes
from services.routes.store.walk import Walk
from shared.contracts.envelope import rfc3339
from shared.web.problem import parameter_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection
    from starlette.datastructures import State

    from services.routes.answering.attributes import Text
    from services.routes.answering.streams import Format
    from services.routes.asking.cursors import RouteKey
    from services.routes.asking.routes import RouteFilter
    from services.routes.store.driver import Row
    from services.routes.store.ribs import Rib

PAGE_SECONDS = 3.0
"""A page in which so much time did not find enough is given as it is, with a cursor."""

_EXPANDED_TEXTS = 20_000
_WIDE_BITS = {4: 8, 6: 16}


@dataclass(slots=True)
class Question:
    """What is asked of routes, and how their bodies are to be."""

    asked: RouteFilter
    moment: datetime | None = None
    expand: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """For `meta.query`."""
        told = as_asked(self.asked)
        if self.moment is not None:
            told["timestamp"] = rfc3339(self.moment)
        return told | ({"expand": list(self.expand)} if self.expand else {})


@dataclass(slots=True)
class Page:
    """Rendered routes, and where the next page begins."""

    items: list[str]
    following: RouteKey | None
    warnings: list[str] = field(default_factory=list)


class RouteAnswers:
    """The RIBs that a question is about, read on one connection, and what renders their routes."""

    def __init__(
        self,
        conn: AsyncConnection,
        question: Question,
        ribs: Mapping[int, Rib],
        as_of: datetime | None,
        state: State,
        *,
        begun: list[Row] | None = None,
        of_moment: Sequence[str] = (),
    ) -> None:
        self.as_of = as_of
        self.ribs = ribs
        self.conn = conn
        self.asked = question.asked
        self.moment = question.moment
        self._read = with_routes(ribs, self.asked.state) if self.moment is None else ribs
        self._question = question
        self._state = state
        self._begun = begun
        self._of_moment = of_moment
        self._texts = self._texts_for("json")
        self._routes = self._renderer()

    @classmethod
    async def to(
        cls, question: Question, conn: AsyncConnection, state: State, looked_up: int = 0
    ) -> RouteAnswers:
        """The answers to this question; `state` is the app's.

        Of a lookup so many routes, the first, are read with the RIBs, if it is about now.
        """
        if question.asked.rpki and state.enrichment.rpki_state("0.0.0.0/0", None) is None:
            raise parameter_error("rpki", "there are no VRPs to tell by; see ROUTES_VRPS_FILE")
        asked, moment = question.asked, question.moment
        if moment is not None:
            ribs, reach, as_of = await chosen_at(conn, asked, moment)
            return cls(conn, question, ribs, as_of, state, of_moment=cautions(reach, moment))
        found = await look_up(conn, asked, looked_up) if looked_up else None
        known, begun = found or (await known_ribs(conn), None)
        return cls(conn, question, chosen(known.ribs, asked), known.as_of, state, begun=begun)

    def about(self, question: Question) -> RouteAnswers:
        """The answers to another question about the same RIBs."""
        return RouteAnswers(
            self.conn, question, self.ribs, self.as_of, self._state, of_moment=self._of_moment
        )

    def rpki_state(self, rib_id: int, prefix: str | None, origin: int | None) -> str | None:
        """Of a route of this RIB; None where there is none."""
        return self._routes.rpki_state(rib_id, prefix, origin)

    async def page(self, limit: int, after: RouteKey | None = None) -> Page:
        """Up to `limit` routes after this place."""
        found, following, warnings = await self._collect(limit, after)
        texts = await self._texts.of(self.conn, (row["attr_id"] for row in found))
        items = self._routes.json(found, texts)
        warnings = [*self._routes.warnings(), *warnings, *self._of_moment, *self._guards()]
        return Page(items, following, warnings)

    async def count(self) -> int:
        """Routes of all pages."""
        if self.asked.rpki:
            raise parameter_error("count", "routes by RPKI state are counted in /routes/summary")
        total = 0
        for table in tables(self.asked, self._read):
            made = statement(table, self.asked, self._read, self.moment)
            (row,) = await fetch(self.conn, made.sql("count(*) AS routes"), made.values)
            total += row["routes"]
        return total

    async def stream(self, form: Format) -> AsyncGenerator[tuple[int, bytes], None]:
        """All of them, in pieces with the number of routes in each."""
        texts_by_id = self._texts = self._texts_for(form)
        routes = self._routes = self._renderer()
        head = CSV_HEADER if form == "csv" else ""
        async with aclosing(ahead(self._stream(texts_by_id))) as pieces:
            async for rows, texts in pieces:
                kept = [row for row in rows if self._keeps(row, texts)] if self.asked.rpki else rows
                if form == "csv":
                    lines = "".join(routes.csv(kept, texts))
                else:
                    lines = "".join([f"{one}\n" for one in routes.json(kept, texts)])
                if kept:
                    yield len(kept), f"{head}{lines}".encode()
                    head = ""
        yield 0, head.encode()

    async def _stream(
        self, texts_by_id: AttributeTexts
    ) -> AsyncGenerator[tuple[list[Row], Mapping[int, Text]], None]:
        async with aclosing(self._walk().stream()) as pieces:
            async for rows in pieces:
                yield rows, await texts_by_id.of(self.conn, (row["attr_id"] for row in rows))

    def cautions(self) -> list[str]:
        """What must be known of the whole answer, before any route of it is read."""
        if self.moment is not None:
            return list(self._of_moment)
        if self.asked.state in {"active", "withdrawn"}:
            return []
        lost = {router_name(rib) for rib in self.ribs.values() if rib["state"] == "lost"}
        return [
            f"routes of router {name} may be stale: its connection ended" for name in sorted(lost)
        ]

    def _walk(self) -> Walk:
        return Walk(self.conn, self.asked, self._read, self.moment, begun=self._begun)

    async def _collect(
        self, limit: int, after: RouteKey | None
    ) -> tuple[list[Row], RouteKey | None, list[str]]:
        found: list[tuple[RouteKey, Row]] = []
        deadline = time.monotonic() + PAGE_SECONDS
        async with aclosing(self._walk().pieces(after, limit + 1)) as pieces:
            async for place, routes in pieces:
                found += await self._kept(routes)
                if len(found) > limit:
                    return [row for _, row in found[:limit]], found[limit - 1][0], []
                if time.monotonic() > deadline and place is not None:
                    return [row for _, row in found], place, [_UNFINISHED]
        return [row for _, row in found], None, []

    async def _kept(self, routes: list[tuple[RouteKey, Row]]) -> list[tuple[RouteKey, Row]]:
        if not self.asked.rpki:
            return routes
        texts = await self._texts.of(self.conn, (row["attr_id"] for _, row in routes))
        return [(key, row) for key, row in routes if self._keeps(row, texts)]

    def _keeps(self, row: Row, texts: Mapping[int, Text]) -> bool:
        origin = texts.get(row["attr_id"], self._texts.none).origin
        return self.rpki_state(row["rib_id"], row["prefix"], origin) in self.asked.rpki

    def _renderer(self) -> Routes:
        now = self.moment or datetime.now(UTC)
        enrichment = self._state.enrichment
        has_vrps = enrichment.rpki_state("0.0.0.0/0", None) is not None
        rpki_state = enrichment.rpki_state if has_vrps else None
        return Routes(self.ribs, now, self._texts.none, rpki_state)

    def _texts_for(self, form: Format) -> AttributeTexts:
        kept: AttributeTexts = self._state.texts[form if form == "csv" else "json"]
        render = expanded(self._question.expand, self._state.enrichment)
        if render is None or form == "csv":
            return kept
        # Names change with their files, so what was rendered with them is of this answer alone.
        return AttributeTexts(render, _EXPANDED_TEXTS)

    def _guards(self) -> list[str]:
        prefix = self.asked.prefix
        if prefix is None or not self.asked.is_range:
            return []
        if prefix.prefixlen >= _WIDE_BITS[prefix.version]:
            return []
        return [f"{prefix} covers much of a table; format=ndjson gives all of it in one answer"]


_UNFINISHED = (
    f"this took {PAGE_SECONDS:.0f} s and did not fill a page; the next cursor goes on from here"
)
