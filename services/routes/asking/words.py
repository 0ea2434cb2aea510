"""Words that several questions share, and how a question is told back (`meta.query`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import Query

from services.routes.asking.values import read_id_or_address
from shared.contracts.envelope import rfc3339
from shared.contracts.vocabulary import RIB_VIEWS, family_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import DataclassInstance


def texts(description: str) -> Any:  # noqa: ANN401 - what FastAPI takes as metadata
    """A filter that may be given more than once."""
    return Query(default_factory=list, description=description)


ROUTER = texts("A router's id or address")
PEER = texts("A peer's id or address")
ASN = texts("`65000` or `AS65000`")


def as_asked(asked_for: DataclassInstance) -> dict[str, Any]:
    """The question as it took effect, under the parameters' names, for `meta.query`."""
    asked: dict[str, Any] = {}
    for name, value in asdict(asked_for).items():
        if value not in (None, []):
            parameter, shown = _AS_PARAMETER.get(name, (name, lambda one: one))
            if isinstance(value, list):
                asked.setdefault(parameter, []).extend(shown(one) for one in value)
            else:
                asked[parameter] = shown(value)
    if "prefix" not in asked:
        asked.pop("match", None)
    return asked


_AS_PARAMETER: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "prefix": ("prefix", str),
    "router_ids": ("router", int),
    "router_addresses": ("router", str),
    "peer_ids": ("peer", int),
    "peer_addresses": ("peer", str),
    "peer_asns": ("peer_asn", int),
    "origin_asns": ("origin_asn", int),
    "asns": ("asn", int),
    "states": ("state", str),
    "views": ("rib", RIB_VIEWS.__getitem__),
    "families": ("family", family_name),
    "kinds": ("event", str),
    "starttime": ("starttime", rfc3339),
    "endtime": ("endtime", rfc3339),
}


def split(parameter: str, texts: list[str], ids: list[int], addresses: list[str]) -> None:
    """Ids of ours, and addresses, into the lists of each."""
    for text in texts:
        value = read_id_or_address(parameter, text)
        if isinstance(value, int):
            ids.append(value)
        else:
            addresses.append(value)
