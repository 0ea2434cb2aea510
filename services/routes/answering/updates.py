"""From events of the history to the bodies and texts of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from services.routes.answering.attributes import attributes_body
from services.routes.answering.fields import address_text, router_name
from services.routes.answering.nlri import parts_of
from services.routes.answering.tables import csv_fields
from services.routes.store import previous
from services.routes.store.attributes import attributes_of
from services.routes.store.previous import event_key
from shared.contracts.envelope import rfc3339
from shared.contracts.vocabulary import RIB_VIEWS, family_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.store.current import Ribs
    from services.routes.store.driver import Row
    from services.routes.store.previous import EventKey, Said

# `origin_asn` and `as_path_str` say again what `as_path` says.
_COMPARED = tuple(
    name for name in attributes_body(None) if name not in {"origin_asn", "as_path_str"}
)
_CSV_FIELDS = (
    *("time", "seq", "type", "router_time", "router", "router_id", "peer_id", "peer", "peer_asn"),
    *("rib", "family", "prefix", "path_id", "session", "changed", "event", "reason_code", "reason"),
)
_CSV_ATTRIBUTES = tuple(name for name in attributes_body(None) if name != "as_path")
CSV_HEADER = ",".join((*_CSV_FIELDS, *_CSV_ATTRIBUTES, "nlri")) + "\r\n"


class _Context(NamedTuple):
    """What events refer to."""

    ribs: Ribs
    peers: Mapping[int, Mapping[str, Any]]
    attributes: Mapping[int, dict[str, Any]]
    before: Mapping[EventKey, Said]


async def update_bodies(
    conn: AsyncConnection, rows: Sequence[Row], ribs: Ribs
) -> list[dict[str, Any]]:
    """The bodies of these events, in the form of `UpdateBody`."""
    before = await previous.before(conn, rows)
    wanted = {row["attr_id"] for row in rows} | {said.attr_id for said in before.values()}
    found = await attributes_of(conn, wanted - {None}) if wanted else []
    attributes = {row["attr_id"]: attributes_body(row) for row in found}
    peers = {rib["peer_id"]: rib for rib in ribs.values()}
    context = _Context(ribs, peers, attributes, before)
    return [_body(row, context) for row in rows]


def json_lines(bodies: Iterable[Mapping[str, Any]]) -> bytes:
    """A line of JSON for each."""
    return b"".join(orjson.dumps(body) + b"\n" for body in bodies)


def csv_lines(bodies: Iterable[Mapping[str, Any]]) -> bytes:
    """A line for each, with the columns of CSV_HEADER."""
    return "".join(map(_csv_line, bodies)).encode()


def _body(row: Row, context: _Context) -> dict[str, Any]:
    is_state = row["event"] is not None
    rib = context.peers[row["peer_id"]] if is_state else context.ribs[row["rib_id"]]
    family, view = (row["family"], row["view"]) if is_state else (rib["family"], rib["view"])
    parts = parts_of(row) if row["fields"] is not None else None
    is_announced = row["attr_id"] is not None
    router_time = row["router_time"]
    return {
        "seq": row["seq"],
        "time": rfc3339(row["time"]),
        "router_time": None if router_time is None else rfc3339(router_time),
        "type": "S" if is_state else "A" if is_announced else "W",
        "prefix": row["prefix"],
        "family": None if family is None else family_name(family),
        "path_id": row["path_id"],
        "rd": None if parts is None else parts.get("rd"),
        "nlri": parts,
        "router": router_name(rib),
        "router_id": rib["router_id"],
        "peer": {
            "id": rib["peer_id"],
            "address": address_text(rib["address"]),
            "asn": rib["asn"],
        },
        "rib": None if view is None else RIB_VIEWS[view],
        "session": row["session"],
        "attributes": _attributes(row["attr_id"], context) if is_announced else None,
        "changed": _changed(row, context) if is_announced else None,
        "state": _state(row) if is_state else None,
    }


def _attributes(attr_id: int, context: _Context) -> dict[str, Any]:
    return context.attributes.get(attr_id) or attributes_body(None)


def _changed(row: Row, context: _Context) -> list[str] | None:
    said = context.before.get(event_key(row))
    if said is None or said.attr_id is None:
        return None
    now, then = _attributes(row["attr_id"], context), _attributes(said.attr_id, context)
    changed = [name for name in _COMPARED if now[name] != then[name]]
    if row["nlri_id"] is not None and _parts(row["detail"]) != _parts(said.detail):
        changed.append("nlri")
    return changed


def _parts(detail: str | None) -> Any:  # noqa: ANN401 - JSON
    return None if detail is None else orjson.loads(detail)


def _state(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("event", "reason_code", "reason")}


def _csv_line(body: Mapping[str, Any]) -> str:
    peer, state = body["peer"], body["state"] or {}
    flat = {
        **body,
        "peer_id": peer["id"],
        "peer": peer["address"],
        "peer_asn": peer["asn"],
        **{name: state.get(name) for name in ("event", "reason_code", "reason")},
    }
    attributes = body["attributes"] or dict.fromkeys(_CSV_ATTRIBUTES)
    values = [flat[name] for name in _CSV_FIELDS]
    values += [attributes[name] for name in _CSV_ATTRIBUTES]
    return csv_fields([*values, body["nlri"]]) + "\r\n"
