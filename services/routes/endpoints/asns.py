"""HTTP handlers of autonomous systems."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request

from services.routes.answering.asns import NEIGHBOURS, asn_body
from services.routes.answering.pages import Limit, page_meta
from services.routes.answering.reading import reading
from services.routes.asking.values import read_asn
from services.routes.store import asns
from services.routes.store.ribs import known_ribs
from shared.contracts.asns import AsnBody
from shared.contracts.envelope import Envelope
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from collections.abc import Iterator

api = APIRouter(prefix="/api/v1", tags=["asns"], dependencies=[Depends(known_parameters_only)])

_ROUTES = 10_000
_PATHS = 2_000
"""Looked at for one answer."""


@api.get("/asns/{asn}", summary="What an AS originates, and who stands next to it")
async def show_asn(request: Request, asn: str, *, limit: Limit = 100) -> Envelope[AsnBody]:
    """Out of the routes that are there now. What was not looked at is said in `meta.warnings`."""
    started = time.perf_counter()
    number = read_asn("asn", asn)
    async with reading(request) as conn:
        known = await known_ribs(conn)
        rows = await asns.originated(conn, number, known.ribs, routes=_ROUTES, limit=limit)
        paths = await asns.paths(conn, number, known.ribs, limit=_PATHS)
    body = asn_body(number, rows, paths, request.app.state.enrichment.as_name)
    meta = page_meta(started, 1, {"asn": number, "limit": limit}, known.as_of)
    meta.warnings = list(_cut(body, rows[0]["routes"] if rows else 0))
    meta.truncated = bool(meta.warnings)
    return Envelope(data=body, meta=meta)


def _cut(body: AsnBody, routes: int) -> Iterator[str]:
    every = f"/api/v1/routes?origin_asn={body.asn} pages through all of them"
    if routes == _ROUTES:
        yield f"prefixes are those of {_ROUTES} of its routes; {every}"
    elif body.prefixes_total > len(body.prefixes):
        yield f"{len(body.prefixes)} of {body.prefixes_total} prefixes are shown; {every}"
    if body.paths == _PATHS:
        yield f"neighbours are those of {_PATHS} paths; there are more paths with this AS"
    if max(len(body.upstreams), len(body.downstreams)) == NEIGHBOURS:
        yield f"at most {NEIGHBOURS} neighbours of each side are shown"
