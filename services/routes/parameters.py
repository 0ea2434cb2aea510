"""What a caller writes, read strictly: a wrong value is answered with the right one."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from typing import Literal

import orjson

from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.web.problem import ProblemError, parameter_error

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Match = Literal["exact", "longest", "longer"]
StateFilter = Literal["active", "current", "withdrawn", "all"]

_AS_NUMBER_MAX = 4_294_967_295


@dataclass(frozen=True, slots=True)
class RouteKey:
    """The place of a route in the order of the current RIB: where a page ended."""

    prefix: Network
    peer_id: int
    view: int
    path_id: int


def read_prefix(text: str) -> tuple[Network, Match]:
    """A prefix and the match it asks for: exact, or longest where it is a bare address."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise _not_a_prefix(text) from None
    return network, "exact" if "/" in text else "longest"


def _not_a_prefix(text: str) -> ProblemError:
    try:
        corrected = str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return parameter_error(
            "prefix", f"{text!r} is neither an address nor a prefix", "192.0.2.0/24"
        )
    return parameter_error(
        "prefix", f"{text} has bits set outside its mask; did you mean {corrected}?", corrected
    )


def read_address(parameter: str, text: str) -> str:
    """An IP address in its canonical form."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise parameter_error(parameter, f"{text!r} is not an IP address") from None


def read_id_or_address(parameter: str, text: str) -> int | str:
    """A number is an id of ours, anything else an IP address."""
    if text.isascii() and text.isdigit():
        return _bounded_id(parameter, text)
    return read_address(parameter, text)


def _bounded_id(parameter: str, text: str) -> int:
    number = int(text[:11])
    if number >= 2**31:
        raise parameter_error(parameter, f"no id is as large as {text[:32]}")
    return number


def read_asn(parameter: str, text: str) -> int:
    """An AS number, written `65000` or `AS65000`."""
    digits = text.upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit() and int(digits[:11]) <= _AS_NUMBER_MAX):
        raise parameter_error(parameter, f"{text!r} is not an AS number", "AS65000")
    return int(digits)


def read_view(text: str) -> int:
    """A RIB view by its name."""
    return _by_name("rib", text, RIB_VIEWS)


def read_family(text: str) -> int:
    """An address family by its name."""
    return _by_name("family", text, FAMILIES)


def _by_name(parameter: str, text: str, names: dict[int, str]) -> int:
    for number, name in names.items():
        if name == text:
            return number
    raise parameter_error(parameter, f"{text!r} is not one of {', '.join(names.values())}")


def write_cursor(key: RouteKey) -> str:
    """An opaque text for the place where a page ended."""
    parts = [str(key.prefix), key.peer_id, key.view, key.path_id]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def read_cursor(text: str) -> RouteKey:
    """The place that `write_cursor` wrote."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        prefix, peer_id, view, path_id = orjson.loads(raw)
        key = RouteKey(ipaddress.ip_network(prefix), int(peer_id), int(view), int(path_id))
    except (ValueError, TypeError, binascii.Error):
        raise parameter_error(
            "cursor", "this is not a cursor of ours; take meta.next_cursor of the page before"
        ) from None
    return key
