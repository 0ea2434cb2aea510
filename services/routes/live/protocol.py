"""What subscribers write, read strictly, and what they are answered beside the messages.

Where RIS Live is silent about what is wrong, we are not: a subscription that cannot be read is
answered with a `ris_error` that says why, and changes nothing.
"""

from __future__ import annotations

import difflib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from services.routes.asking.as_path import read_as_path_pattern
from services.routes.live.filters import Filter
from services.routes.live.message import Network
from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.errors import BgpilotError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS = ("UPDATE", "OPEN", "NOTIFICATION", "KEEPALIVE", "RIS_PEER_STATE")
_KEYS = (
    "host",
    "type",
    "require",
    "peer",
    "path",
    "prefix",
    "moreSpecific",
    "lessSpecific",
    "socketOptions",
    "family",
    "rib",
)
_OPTIONS = ("includeRaw", "acknowledge")
NOT_HAD = {"includeRaw": False}
"""The option that is taken and never true: octets of messages are not stored."""
_LONGEST_TEXT = 253


class ClientError(BgpilotError):
    """What a subscriber wrote cannot be used; the text is for him."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a subscriber subscribes to or unsubscribes from: one filter for each prefix."""

    filters: tuple[Filter, ...]
    shown: dict[str, Any]
    """As it was understood."""
    options: dict[str, bool]
    """Those that it names."""


def read_message(text: str | bytes) -> tuple[str, Any]:
    """Type and data of a client's message."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ClientError(f"the message is not JSON: {error}") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ClientError('a message is an object with a "type", such as {"type":"ping"}')
    return message["type"], message.get("data")


def read_header(text: str | None) -> Subscription:
    """The filter of an HTTP stream, from its X-RIS-Subscribe header; all without one."""
    if text is None:
        # The stream of RIS Live has it then, and bgpipe reads nothing else.
        return read_subscription({"socketOptions": {"includeRaw": True}})
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ClientError(f"X-RIS-Subscribe is not JSON: {error}") from None
    return read_subscription(data)


def read_subscription(data: object) -> Subscription:
    """The data of `ris_subscribe` or `ris_unsubscribe`. ClientError says what is wrong with it."""
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ClientError("the data of a subscription is an object, as in RIS Live's manual")
    options = _options(data)
    # A null is what BGPalerter writes for what it does not ask.
    asked = {name: value for name, value in data.items() if value is not None}
    _refuse_unknown(asked, (*_KEYS, *_OPTIONS))
    prefixes = _prefixes(asked.get("prefix"))
    pattern = _pattern(asked.get("path"))
    shown = {
        "host": _text(asked, "host"),
        "type": _one_of(asked, "type", KINDS),
        "require": _text(asked, "require"),
        "peer": _address(asked),
        "path": None if pattern is None else str(pattern),
        "family": _one_of(asked, "family", tuple(FAMILIES.values())),
        "rib": _one_of(asked, "rib", tuple(RIB_VIEWS.values())),
        "moreSpecific": _flag(asked, "moreSpecific", default=True),
        "lessSpecific": _flag(asked, "lessSpecific", default=False),
    }
    host = shown["host"]
    filters = tuple(
        Filter(
            host=None if host is None else host.lower(),
            kind=shown["type"],
            require=shown["require"],
            peer=shown["peer"],
            path=pattern,
            prefix=None if prefix is None else _network(prefix),
            more_specific=shown["moreSpecific"] or prefix is None,
            less_specific=shown["lessSpecific"] and prefix is not None,
            family=shown["family"],
            rib=shown["rib"],
        )
        for prefix in prefixes or (None,)
    )
    written = [str(one) for one in prefixes]
    shown["prefix"] = written[0] if len(written) == 1 else written or None
    shown = {name: value for name, value in shown.items() if value is not None}
    return Subscription(filters, shown, options)


def ris_error(text: str) -> bytes:
    """Why something is not so."""
    return _answer("ris_error", {"message": text})


def subscribe_ok(subscription: Subscription, options: Mapping[str, bool]) -> bytes:
    """That messages come from now on."""
    return _answer(
        "ris_subscribe_ok",
        {"subscription": subscription.shown, "socketOptions": dict(options)},
    )


def rrc_list(hosts: Sequence[str]) -> bytes:
    """The hosts that messages come from: here, the routers."""
    return _answer("ris_rrc_list", list(hosts))


def pong() -> bytes:
    """The answer to a ping."""
    return _answer("pong", None)


def _answer(kind: str, data: object) -> bytes:
    return orjson.dumps({"type": kind, "data": data})


def _options(data: Mapping[str, Any]) -> dict[str, bool]:
    written = data.get("socketOptions")
    if written is None:
        written = {}
    if not isinstance(written, dict):
        raise ClientError("socketOptions: an object, such as {} or one with includeRaw")
    _refuse_unknown(written, _OPTIONS)
    # bgpipe writes includeRaw beside what it asks for.
    both = {name: data[name] for name in _OPTIONS if data.get(name) is not None} | written
    return {name: _flag(both, name, default=False) for name in both if both[name] is not None}


def _refuse_unknown(written: Mapping[str, Any], known: Sequence[str]) -> None:
    # What is not understood would widen what is asked for.
    for name in written:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else f": there are {', '.join(known)}"
            raise ClientError(f"{name[:64]!r} is no part of a subscription{hint}")


def _pattern(value: object) -> Any:  # noqa: ANN401 - a pattern or None, as the parser has it
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ClientError("path: an AS number or a pattern as text")
    try:
        return read_as_path_pattern(value)
    except ValueError as error:
        raise ClientError(f"path: {error}") from None


def _prefixes(value: object) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    written = [] if value is None else value if isinstance(value, list) else [value]
    if value == []:
        raise ClientError("prefix: an empty list asks for nothing; leave it out to ask for all")
    return list(dict.fromkeys(_prefix(one) for one in written))


def _prefix(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if not isinstance(value, str) or "%" in value:
        raise ClientError("prefix: a text such as 192.0.2.0/24, or a list of them")
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        pass
    try:
        corrected = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ClientError(f"prefix: {value[:64]!r} is neither a prefix nor an address") from None
    raise ClientError(
        f"prefix: {value} has bits set outside its mask; did you mean {corrected}?"
    ) from None


def _network(prefix: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Network:
    return Network(prefix.version, int(prefix.network_address), prefix.prefixlen)


def _address(asked: Mapping[str, Any]) -> str | None:
    text = _text(asked, "peer")
    if text is None:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ClientError(f"peer: {text[:64]!r} is not an IP address") from None


def _text(asked: Mapping[str, Any], name: str) -> str | None:
    value = asked.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT:
        raise ClientError(f"{name}: a text of 1 to {_LONGEST_TEXT} characters")
    return value


def _one_of(asked: Mapping[str, Any], name: str, values: Sequence[str]) -> Any:  # noqa: ANN401 - one of them, or None
    value = asked.get(name)
    if value is not None and value not in values:
        raise ClientError(f"{name}: one of {', '.join(values)}")
    return value


def _flag(asked: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = asked.get(name, default)
    if not isinstance(value, bool):
        raise ClientError(f"{name}: true or false")
    return value
