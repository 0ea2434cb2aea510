"""Cursors: where a page ended, as a text that callers give back and need not understand."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from services.routes.asking.values import ID_MAX, read_number
from shared.web.problem import parameter_error

if TYPE_CHECKING:
    from services.routes.asking.values import Network
    from shared.web.problem import ProblemError


@dataclass(frozen=True, slots=True)
class RouteKey:
    """The place of a route in the order of the current RIB: where a page ended."""

    prefix: Network
    rib_id: int
    path_id: int
    """As the store has it: 32 bits with a sign."""


def write_cursor(key: RouteKey) -> str:
    """An opaque text for the place where a page ended."""
    return pack([str(key.prefix), key.rib_id, key.path_id])


def read_cursor(text: str) -> RouteKey:
    """The place that `write_cursor` wrote."""
    try:
        prefix, rib_id, path_id = unpack(text)
        key = RouteKey(ipaddress.ip_network(prefix), rib_id, path_id)
    except (ValueError, TypeError):
        raise not_a_cursor() from None
    # A number for a prefix would have been read as an address.
    if not (
        isinstance(prefix, str)
        and is_within(rib_id, 0, ID_MAX)
        and is_within(path_id, -ID_MAX - 1, ID_MAX)
    ):
        raise not_a_cursor()
    return key


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
