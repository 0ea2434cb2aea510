"""What a caller writes, read strictly: a wrong value is answered with the right one."""

from __future__ import annotations

import ipaddress
from typing import Literal

from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.web.problem import ProblemError, parameter_error

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Match = Literal["exact", "longest", "longer"]
StateFilter = Literal["active", "current", "withdrawn", "all"]

_AS_NUMBER_MAX = 4_294_967_295
ID_MAX = 2**31 - 1
"""Of routers, peers and RIBs: past int4 no id exists."""


def read_prefix(text: str) -> tuple[Network, Match]:
    """A prefix and the match it asks for: exact, or longest where it is a bare address."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise _not_a_prefix(text) from None
    if "%" in text:
        raise parameter_error("prefix", "an address with a zone", text.partition("%")[0])
    return network, "exact" if "/" in text else "longest"


def _not_a_prefix(text: str) -> ProblemError:
    try:
        corrected = str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return parameter_error(
            "prefix", f"{text[:64]!r} is neither an address nor a prefix", "192.0.2.0/24"
        )
    return parameter_error(
        "prefix", f"{text} has bits set outside its mask; did you mean {corrected}?", corrected
    )


def read_address(parameter: str, text: str) -> str:
    """An IP address in its canonical form; a zone (`%eth0`) means nothing to us."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise parameter_error(parameter, f"{text[:64]!r} is not an IP address") from None
    if "%" in text:
        raise parameter_error(parameter, "an address with a zone", text.partition("%")[0])
    return str(address)


def read_id_or_address(parameter: str, text: str) -> int | str:
    """A number is an id of ours, anything else an IP address."""
    if text.isascii() and text.isdigit():
        return read_number(parameter, text, ID_MAX)
    return read_address(parameter, text)


def read_asn(parameter: str, text: str) -> int:
    """An AS number, written `65000` or `AS65000`."""
    return read_number(parameter, text.upper().removeprefix("AS"), _AS_NUMBER_MAX, "AS65000")


def read_number(parameter: str, text: str, largest: int, example: str | None = None) -> int:
    """A whole number from 0 to `largest`, in digits."""
    # The length first: a text of many thousand digits is refused by int itself.
    if len(text) <= 10 and text.isascii() and text.isdigit() and int(text) <= largest:
        return int(text)
    raise parameter_error(parameter, f"{text[:64]!r} is not a number from 0 to {largest}", example)


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


def read_id(value: int) -> int:
    """The id of a thing in a path; -1, which nothing has, for a number that cannot be one."""
    return value if 0 <= value <= ID_MAX else -1
