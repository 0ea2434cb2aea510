"""Words that several questions share, and how a question is told back (`meta.query`)."""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from fastapi import Query

from services.routes.asking.values import read_id_or_address
from shared.contracts.envelope import rfc3339
from shared.contracts.vocabulary import RIB_VIEWS, family_name
from shared.web.problem import parameter_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _typeshed import DataclassInstance


def texts(description: str) -> Any:  # noqa: ANN401 - what FastAPI takes as metadata
    """A filter that may be given more than once."""
    return Query(default_factory=_nothing, description=description)


# Not `list` itself: what its signature is, is looked up for each request, and that of a built-in
# is parsed from its documentation.
def _nothing() -> list[str]:
    return []


ROUTER = texts("A router's id or address")
PEER = texts("A peer's id or address")
ASN = texts("`65000` or `AS65000`")


def as_asked(asked_for: DataclassInstance) -> dict[str, Any]:
    """The question as it took effect, under the parameters' names, for `meta.query`."""
    asked: dict[str, Any] = {}
    for field in fields(asked_for):
        name, value = field.name, getattr(asked_for, field.name)
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
    "as_paths": ("as_path", str),
    "next_hops": ("next_hop", str),
    "communities": ("community", lambda one: f"{one >> 16}:{one & 0xFFFF}"),
    "large_communities": ("large_community", str),
    "ext_communities": ("ext_community", str),
    "rds": ("rd", str),
    "macs": ("mac", str),
    "route_types": ("route_type", int),
    "esis": ("esi", str),
    "vnis": ("vni", int),
    "ips": ("ip", str),
    "asns": ("asn", int),
    "states": ("state", str),
    "views": ("rib", RIB_VIEWS.__getitem__),
    "families": ("family", family_name),
    "kinds": ("event", str),
    "starttime": ("starttime", rfc3339),
    "endtime": ("endtime", rfc3339),
}


def read_words(parameter: str, texts: list[str], known: Sequence[str]) -> tuple[str, ...]:
    """Some of these words, with commas between or given more than once."""
    words = [word.strip() for text in texts for word in text.split(",")]
    for word in words:
        if word not in known:
            raise parameter_error(
                parameter,
                f"{word[:64]!r} is not one of {', '.join(known)}",
                *difflib.get_close_matches(word, known, n=1),
            )
    return tuple(dict.fromkeys(words))


def split(parameter: str, texts: Sequence[str], ids: list[int], addresses: list[str]) -> None:
    """Ids of ours, and addresses, into the lists of each."""
    for text in texts:
        value = read_id_or_address(parameter, text)
        if isinstance(value, int):
            ids.append(value)
        else:
            addresses.append(value)
