"""From rows of routes to the texts of answers: JSON objects and lines of CSV.

A page holds a hundred of them and a stream a million, so they are put together from texts: what
a RIB and a set of path attributes say is rendered once.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from services.routes.answering.attributes import CSV_COLUMNS
from services.routes.answering.fields import address_text, router_name
from services.routes.answering.nlri import nlri_body
from services.routes.answering.tables import csv_field, csv_fields
from services.routes.enrichment.origin import OWN
from services.routes.store.current import is_prefix_family
from services.routes.store.ribs import active_session
from shared.contracts.vocabulary import RIB_VIEWS, family_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from services.routes.answering.attributes import Text
    from shared.contracts.routes import RouteState

    Row = Mapping[str, Any]
    RpkiState = Callable[[str, int | None], str | None]

# The families whose origins RPKI says something of: unicast, and nothing within a VPN.
_RPKI_FAMILIES = (0x0101, 0x0201)
_LOC_RIB = 4
_WITH_MICROSECONDS = len("2026-01-31T00:00:00.000000Z")

CSV_HEADER = (
    "router,router_id,peer_id,peer,peer_asn,rib,family,prefix,path_id,state,first_seen,"
    f"last_updated,last_confirmed,withdrawn_at,rpki,{','.join(CSV_COLUMNS)},nlri\r\n"
)


def route_state(row: Row, rib: Row) -> RouteState:
    """Whether a route is there now.

    It is withdrawn where a Peer Down or a table without it came after its session, and stale
    where its router has not yet said it again since the connection was lost.
    """
    if row["is_withdrawn"] or row["session"] < rib["valid_session"]:
        return "withdrawn"
    if rib["state"] == "lost" or row["session"] < active_session(rib):
        return "stale"
    return "active"


class _Head(NamedTuple):
    """What a RIB says of each of its routes, rendered."""

    rib: Row
    complete_at: str
    json: str
    csv: str
    has_path_ids: bool
    has_nlri: bool
    has_rpki: bool
    own_asn: int | None
    """The router's, where it is known."""


class Routes:
    """Renders rows of routes of some RIBs; `texts` are those of their path attributes."""

    def __init__(
        self,
        ribs: Mapping[int, Row],
        now: datetime,
        none: Text,
        rpki_state: RpkiState | None = None,
    ) -> None:
        self._ribs = ribs
        self._now = now
        self._none = none
        self._rpki_state = rpki_state
        self._heads: dict[int, _Head] = {}
        self._stale: Counter[int] = Counter()

    def json(self, rows: Iterable[Row], texts: Mapping[int, Text]) -> list[str]:
        """An object of each row."""
        heads, none, now = self._heads, self._none, self._now
        found = []
        for row, at, first_seen, last in _with_times(rows):
            head = heads.get(row["rib_id"]) or self._head(row["rib_id"])
            text, origin = texts.get(row["attr_id"], none)
            prefix = row["prefix"]
            state = self._state(row, head)
            gone = _withdrawn_at(row, head.rib) if state == "withdrawn" else None
            confirmed = last if state == "withdrawn" else max(last, head.complete_at)
            rpki = self.rpki_state(row["rib_id"], prefix, origin) if head.has_rpki else None
            found.append(
                f'{{"prefix":{_quoted(prefix)},"path_id":{_path_id(row, head) or "null"},'
                f'{head.json},"state":"{state}",{text},"rpki":{_quoted(rpki)},'
                f'"first_seen":"{first_seen}","last_updated":"{at}",'
                f'"last_confirmed":"{confirmed}",'
                f'"withdrawn_at":{_quoted(gone)}{_nlri_json(row, head)},'
                f'"age_s":{(now - row["last_changed"]).total_seconds():.3f}}}'
            )
        return found

    def csv(self, rows: Iterable[Row], texts: Mapping[int, Text]) -> list[str]:
        """A line of each row, with the columns of CSV_HEADER."""
        heads, none = self._heads, self._none
        found = []
        for row, at, first_seen, last in _with_times(rows):
            head = heads.get(row["rib_id"]) or self._head(row["rib_id"])
            text, origin = texts.get(row["attr_id"], none)
            prefix = row["prefix"]
            state = self._state(row, head)
            gone = _withdrawn_at(row, head.rib) if state == "withdrawn" else None
            confirmed = last if state == "withdrawn" else max(last, head.complete_at)
            rpki = self.rpki_state(row["rib_id"], prefix, origin) if head.has_rpki else None
            found.append(
                f"{head.csv},{prefix or ''},{_path_id(row, head)},{state},"
                f"{first_seen},{at},{confirmed},"
                f"{gone or ''},{rpki or ''},{text},{_nlri_csv(row, head)}\r\n"
            )
        return found

    def warnings(self) -> list[str]:
        """One sentence for each router whose routes among these are only the last known."""
        stale: dict[str, tuple[int, datetime, bool]] = {}
        for rib_id, routes in self._stale.items():
            rib = self._ribs[rib_id]
            count, since, is_lost = stale.get(router_name(rib), (0, rib["since"], False))
            is_lost |= rib["state"] == "lost"
            stale[router_name(rib)] = (count + routes, min(since, rib["since"]), is_lost)
        return [
            f"{count} of these routes are stale: the connection to router {router} ended at "
            f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            if is_lost
            else f"{count} of these routes are stale: router {router} is sending its table again"
            for router, (count, since, is_lost) in stale.items()
        ]

    def _head(self, rib_id: int) -> _Head:
        rib = self._ribs[rib_id]
        peer = {
            "id": rib["peer_id"],
            "address": address_text(rib["address"]),
            "asn": rib["asn"],
        }
        body = {
            "family": family_name(rib["family"]),
            "router": router_name(rib),
            "router_id": rib["router_id"],
            "peer": peer,
            "rib": RIB_VIEWS[rib["view"]],
        }
        line = (body["router"], body["router_id"], *peer.values(), body["rib"], body["family"])
        head = self._heads[rib_id] = _Head(
            rib,
            timestamp(rib["complete_at"]) if rib["complete_at"] is not None else "",
            orjson.dumps(body)[1:-1].decode(),
            csv_fields(line),
            rib["has_path_ids"],
            not is_prefix_family(rib["family"]),
            self._rpki_state is not None and rib["family"] in _RPKI_FAMILIES,
            # RFC 9069 4.2: the peer of a Loc-RIB is the router itself.
            rib["asn"] if rib["view"] == _LOC_RIB else rib["local_asn"],
        )
        return head

    def _state(self, row: Row, head: _Head) -> RouteState:
        state = route_state(row, head.rib)
        if state == "stale":
            self._stale[row["rib_id"]] += 1
        return state

    def rpki_state(self, rib_id: int, prefix: str | None, origin: int | None) -> str | None:
        """The RPKI state of a route of this RIB; None where there is none.

        `origin` is that of `route_origin`.
        """
        head = self._heads.get(rib_id) or self._head(rib_id)
        if not head.has_rpki or self._rpki_state is None or prefix is None:
            return None
        if origin is not None and origin < 0:
            origin = head.own_asn if origin == OWN else None
            if origin is None:
                return None
        return self._rpki_state(prefix, origin)


def timestamp(moment: datetime) -> str:
    """RFC 3339 with microseconds, of a moment in UTC as the driver gives it."""
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def timestamps(moments: list[datetime | None]) -> list[str | None]:
    """The same of many, five times as fast."""
    if not moments:
        return []
    written = orjson.dumps(moments, option=orjson.OPT_UTC_Z).replace(b'"', b"").decode()
    return [
        text if len(text) == _WITH_MICROSECONDS else _completed(text)
        for text in written[1:-1].split(",")
    ]


def _completed(text: str) -> str | None:
    return None if text == "null" else f"{text[:-1]}.000000Z"


def _with_times(rows: Iterable[Row]) -> Iterator[tuple[Row, str, str, str]]:
    """Each row with the texts of its last_changed, first_seen and last_confirmed.

    The last two are NULL where they are as the first. One by one, to write these takes longer than
    all else of a row.
    """
    rows = list(rows)
    changed, first_seen, confirmed = (
        timestamps([row[column] for row in rows])
        for column in ("last_changed", "first_seen", "last_confirmed")
    )
    for row, at, first, last in zip(rows, changed, first_seen, confirmed, strict=True):
        assert at is not None  # noqa: S101 - the column is NOT NULL
        yield row, at, first or at, last or at


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _path_id(row: Row, head: _Head) -> str:
    return str(row["path_id"] & 0xFFFFFFFF) if head.has_path_ids else ""


def _nlri_json(row: Row, head: _Head) -> str:
    if not head.has_nlri:
        return ""
    body = nlri_body(row, head.rib["family"])
    return "," + orjson.dumps(body)[1:-1].decode() if body else ""


def _nlri_csv(row: Row, head: _Head) -> str:
    if not head.has_nlri:
        return ""
    body = nlri_body(row, head.rib["family"])
    return csv_field(body["nlri"]) if body else ""


def _withdrawn_at(row: Row, rib: Row) -> str | None:
    confirmed = row["last_confirmed"] or row["last_changed"]
    if row["is_withdrawn"] and row["last_changed"] > confirmed:
        return timestamp(row["last_changed"])
    # Nobody withdrew it: its session ended, or its router sent its table without it.
    is_down = not row["is_withdrawn"] and row["session"] < rib["down_session"]
    at = rib["down_at"] if is_down else rib["complete_at"]
    return timestamp(at) if at is not None and at >= confirmed else None
