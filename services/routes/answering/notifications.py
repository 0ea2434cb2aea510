"""The NOTIFICATION in the reason of a Peer Down, which the store has in the RFCs' words.

`remote system closed, NOTIFICATION received: Cease / Administrative Shutdown: back at noon`
"""

from __future__ import annotations

import re

from shared.contracts.inventory import NotificationBody

_NOTIFIED = ("NOTIFICATION sent: ", "NOTIFICATION received: ")

_SUBCODES: dict[int, tuple[str, dict[int, str]]] = {
    1: (  # RFC 4271 4.5
        "Message Header Error",
        {1: "Connection Not Synchronized", 2: "Bad Message Length", 3: "Bad Message Type"},
    ),
    2: (
        "OPEN Message Error",
        {
            1: "Unsupported Version Number",
            2: "Bad Peer AS",
            3: "Bad BGP Identifier",
            4: "Unsupported Optional Parameter",
            5: "Authentication Failure",
            6: "Unacceptable Hold Time",
            7: "Unsupported Capability",  # RFC 5492 5
            11: "Role Mismatch",  # RFC 9234 4.2
        },
    ),
    3: (
        "UPDATE Message Error",
        {
            1: "Malformed Attribute List",
            2: "Unrecognized Well-known Attribute",
            3: "Missing Well-known Attribute",
            4: "Attribute Flags Error",
            5: "Attribute Length Error",
            6: "Invalid ORIGIN Attribute",
            7: "AS Routing Loop",
            8: "Invalid NEXT_HOP Attribute",
            9: "Optional Attribute Error",
            10: "Invalid Network Field",
            11: "Malformed AS_PATH",
        },
    ),
    4: ("Hold Timer Expired", {}),
    5: (  # RFC 6608 3
        "Finite State Machine Error",
        {
            1: "Receive Unexpected Message in OpenSent State",
            2: "Receive Unexpected Message in OpenConfirm State",
            3: "Receive Unexpected Message in Established State",
        },
    ),
    6: (  # RFC 4486 3, RFC 8538 3, RFC 9384 3
        "Cease",
        {
            1: "Maximum Number of Prefixes Reached",
            2: "Administrative Shutdown",
            3: "Peer De-configured",
            4: "Administrative Reset",
            5: "Connection Rejected",
            6: "Other Configuration Change",
            7: "Connection Collision Resolution",
            8: "Out of Resources",
            9: "Hard Reset",
            10: "BFD Down",
        },
    ),
    7: ("ROUTE-REFRESH Message Error", {1: "Invalid Message Length"}),  # RFC 7313 5
    8: ("Send Hold Timer Expired", {}),  # RFC 9687 4
}
_CODES = {name: code for code, (name, _) in _SUBCODES.items()}
_BY_NAME = {
    (code, name): subcode
    for code, (_, subcodes) in _SUBCODES.items()
    for subcode, name in subcodes.items()
}
_HARD_RESET = (6, 9)
_NUMBER = re.compile(r"(?:sub)?code (\d+)")


def notification_in(reason: str | None) -> NotificationBody | None:
    """The NOTIFICATION that a Peer Down was about; None where it was about none."""
    for marker in _NOTIFIED:
        _, found, text = (reason or "").partition(marker)
        if found:
            return _read(text)
    return None


def _read(text: str) -> NotificationBody | None:
    name, _, rest = text.partition(": ")
    code_name, _, subcode_name = name.partition(" / ")
    code = _CODES.get(code_name, _number(code_name))
    if code is None:
        return None
    subcode = _BY_NAME.get((code, subcode_name), _number(subcode_name)) or 0
    is_hard_reset = (code, subcode) == _HARD_RESET
    return NotificationBody(
        code=code,
        subcode=subcode,
        name=name,
        communication=None if is_hard_reset else rest or None,
        reset_by=(rest or None) if is_hard_reset else None,
    )


def _number(name: str) -> int | None:
    """A code without a name is written as its number."""
    found = _NUMBER.fullmatch(name)
    return int(found[1]) if found else None
