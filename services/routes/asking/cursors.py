"""Cursors: where a page ended, as a text that callers give back and need not understand."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import orjson

from services.routes.asking.values import ID_MAX, read_number
from shared.web.problem import parameter_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.web.problem import ProblemError

_PATH_ID_MAX = 2**31 - 1
_HASH_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PrefixKey:
    """The place of a route of a plain prefix, in the order of the prefixes."""

    prefix: str
    rib_id: int
    path_id: int
    """As the store has it: 32 bits with a sign."""


@dataclass(frozen=True, slots=True)
class AttributesKey:
    """The place of the same in the order of the sets of attributes."""

    attr_id: int
    prefix: str
    rib_id: int
    path_id: int


@dataclass(frozen=True, slots=True)
class NlriKey:
    """The place of a route that is more than a prefix. These come after all others."""

    nlri_id: int
    rib_id: int
    path_id: int


RouteKey = PrefixKey | AttributesKey | NlriKey
"""Where in the RIB a page ended."""

BEFORE_NLRI = NlriKey(-_HASH_MAX - 1, 0, -_PATH_ID_MAX - 1)

_KINDS: dict[str, type[RouteKey]] = {"p": PrefixKey, "a": AttributesKey, "n": NlriKey}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}


def write_cursor(key: RouteKey) -> str:
    """An opaque text for the place where a page ended."""
    return pack([_LETTERS[type(key)], *astuple(key)])


def read_cursor(text: str) -> RouteKey:
    """The place that `write_cursor` wrote."""
    letter, *parts = unpack(text) or [None]
    kind = _KINDS.get(letter) if isinstance(letter, str) else None
    names = kind.__dataclass_fields__ if kind is not None else {}
    if kind is None or len(parts) != len(names):
        raise not_a_cursor()
    for name, part in zip(names, parts, strict=True):
        if not _FITS[name](part):
            raise not_a_cursor()
    return kind(*parts)


def read_id_cursor(cursor: str | None) -> int:
    """The id that a page of things with ids ended with; -1 for the first page."""
    if cursor is None:
        return -1
    return read_number("cursor", cursor, ID_MAX)


def pack(parts: list[Any]) -> str:
    """JSON values as a text that is safe in a URL."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def unpack(text: str) -> list[Any]:
    """What `pack` was given; a problem that names `cursor` where it cannot have been."""
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise not_a_cursor() from None
    if not isinstance(parts, list):
        raise not_a_cursor()
    return parts


def is_within(value: object, smallest: int, largest: int) -> bool:
    """Whether a value read from JSON is a whole number from `smallest` to `largest`."""
    return type(value) is int and smallest <= value <= largest


def not_a_cursor() -> ProblemError:
    """What a caller is told whose cursor is none of ours."""
    return parameter_error(
        "cursor", "this is not a cursor of ours; take meta.next_cursor of the page before"
    )


def _is_prefix(value: object) -> bool:
    if not isinstance(value, str) or "%" in value:
        return False
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return False
    return True


_FITS: dict[str, Callable[[object], bool]] = {
    "prefix": _is_prefix,
    "rib_id": lambda value: is_within(value, 0, ID_MAX),
    "path_id": lambda value: is_within(value, -_PATH_ID_MAX - 1, _PATH_ID_MAX),
    "attr_id": lambda value: is_within(value, -_HASH_MAX - 1, _HASH_MAX),
    "nlri_id": lambda value: is_within(value, -_HASH_MAX - 1, _HASH_MAX),
}
