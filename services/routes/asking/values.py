"""What a caller writes, read strictly: a wrong value is answered with the right one."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.web.problem import ProblemError, parameter_error

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Match = Literal["exact", "longest", "orlonger", "longer", "orshorter", "shorter"]
StateFilter = Literal["active", "current", "withdrawn", "all"]

_AS_NUMBER_MAX = 4_294_967_295
ID_MAX = 2**31 - 1
"""Of routers, peers and RIBs: past int4 no id exists."""

_WELL_KNOWN = {
    "graceful-shutdown": 0xFFFF0000,  # RFC 8326 5
    "accept-own": 0xFFFF0001,  # RFC 7611 3
    "llgr-stale": 0xFFFF0006,  # RFC 9494 3
    "no-llgr": 0xFFFF0007,
    "blackhole": 0xFFFF029A,  # RFC 7999 5
    "no-export": 0xFFFFFF01,  # RFC 1997
    "no-advertise": 0xFFFFFF02,
    "no-export-subconfed": 0xFFFFFF03,
    "nopeer": 0xFFFFFF04,  # RFC 3765
}
_EXT_COMMUNITY = re.compile(r"[\x21-\x7e]{1,80}")
_MAC = re.compile(r"[0-9A-Fa-f]{12}")
_MAC_MARKS = re.compile(r"[:.-]")


def read_prefix(text: str) -> tuple[Network, Match]:
    """A prefix and the match it asks for: exact, or longest where it is a bare address."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise _not_a_prefix(text) from None
    if "%" in text:
        raise parameter_error("prefix", "an address with a zone", text.partition("%")[0])
    return network, "exact" if "/" in text else "longest"


def read_community(text: str) -> int:
    """`65000:100`, or the name of a well-known community, as the 32 bits of RFC 1997."""
    if (known := _WELL_KNOWN.get(text.lower().replace("_", "-"))) is not None:
        return known
    parts = _numbers("community", text, 2, 0xFFFF, "65000:100")
    return parts[0] << 16 | parts[1]


def read_large_community(text: str) -> str:
    """Three numbers of 32 bits (RFC 8092 5), without leading zeros."""
    parts = _numbers("large_community", text, 3, _AS_NUMBER_MAX, "65000:1:2")
    return ":".join(map(str, parts))


def read_ext_community(text: str) -> str:
    """As answers write it: `rt:65000:1`, `color:100`, or 16 hexadecimal digits."""
    if not _EXT_COMMUNITY.fullmatch(text):
        raise parameter_error(
            "ext_community", f"{text[:64]!r} is not written as answers write it", "rt:65000:1"
        )
    return text


def read_rd(text: str) -> str:
    """A route distinguisher (RFC 4364 4.2): an AS number or an address, and a number."""
    administrator, _, number = text.rpartition(":")
    if "." in administrator:
        administrator = read_address("rd", administrator)
    else:
        administrator = str(read_number("rd", administrator, _AS_NUMBER_MAX, "65000:100"))
    return f"{administrator}:{read_number('rd', number, _AS_NUMBER_MAX, '65000:100')}"


def read_mac(text: str) -> str:
    """A MAC address in any common form, as `02:00:5e:00:53:01`."""
    digits = _MAC_MARKS.sub("", text)
    if not _MAC.fullmatch(digits):
        raise parameter_error("mac", f"{text[:64]!r} is not a MAC address", "02:00:5e:00:53:01")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)).lower()


def read_route_type(text: str) -> int:
    """A route type, such as 2 for MAC/IP advertisement in EVPN (RFC 7432 7)."""
    return read_number("route_type", text, 255, "2")


def _numbers(parameter: str, text: str, count: int, largest: int, example: str) -> list[int]:
    parts = text.split(":")
    if len(parts) != count:
        detail = f"{text[:64]!r} is not {count} numbers with colons between"
        raise parameter_error(parameter, detail, example)
    return [read_number(parameter, one, largest, example) for one in parts]


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
