"""What routes say that are more than a prefix: EVPN, VPN, FlowSpec and the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_EVPN = 0x1946
_EVPN_FIELDS = ("route_type", "route_type_name", "rd", "ethernet_tag", "mac", "ip", "prefix")


def nlri_body(row: Mapping[str, Any], family: int) -> dict[str, Any]:
    """`rd`, `labels`, `evpn` and `nlri` of a row that has an NLRI; nothing of a plain prefix."""
    if "fields" not in row.keys():  # noqa: SIM118 - a row is asked for its values by `in`
        return {}
    parts = parts_of(row)
    body: dict[str, Any] = {"rd": parts.get("rd"), "labels": parts.get("labels"), "nlri": parts}
    if family == _EVPN:
        body["evpn"] = evpn_body(parts)
    return body


def parts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an NLRI by their names: of its key, and what is told beside it."""
    detail = orjson.loads(row["detail"]) if row["detail"] else {}
    return {**orjson.loads(row["fields"]), **detail}


def evpn_body(parts: Mapping[str, Any]) -> dict[str, Any]:
    """An EVPN route (RFC 7432 7); what its type does not have is None."""
    labels = parts.get("labels") or [None]
    return {
        **{name: parts.get(name) for name in _EVPN_FIELDS},
        "esi": (parts.get("esi") or {}).get("value"),
        "label": labels[0],
    }
