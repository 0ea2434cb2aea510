"""What a router's statistics count, by type: RFC 7854 4.8, RFC 8671 6.2, RFC 9972 3."""

from __future__ import annotations

_NAMES = {
    0: "prefixes rejected by inbound policy",
    1: "duplicate prefix advertisements",
    2: "duplicate withdraws",
    3: "updates invalidated due to CLUSTER_LIST loop",
    4: "updates invalidated due to AS_PATH loop",
    5: "updates invalidated due to ORIGINATOR_ID",
    6: "updates invalidated due to AS_CONFED loop",
    11: "updates subjected to treat-as-withdraw",
    12: "prefixes subjected to treat-as-withdraw",
    13: "duplicate update messages received",
    24: "routes of an address family selected as primary",
    25: "routes of an address family selected as backup",
}
_INDEPENDENT = "post-policy Adj-RIB-In or Loc-RIB"
_STALE = "stale by graceful restart", "stale by long-lived graceful restart"
_THRESHOLDS = "left before the received route threshold", "left before the licensed route threshold"
_TOO_LONG = "whose AS_PATH is longer than the configured limit"
_VALIDATED = [
    f"whose origin validation state is {state}" for state in ("invalid", "valid", "not found")
]

# Gauges of routes: in which table, and which of them. Types of the first are over all families,
# those of the second of one.
_OF_ALL = {
    7: ("Adj-RIBs-In", ""),
    8: ("Loc-RIB", ""),
    14: ("pre-policy Adj-RIB-Out", ""),
    15: ("post-policy Adj-RIB-Out", ""),
    18: ("pre-policy Adj-RIB-In", ""),
    20: ("post-policy Adj-RIB-In", ""),
    29: ("post-policy Adj-RIB-In", _THRESHOLDS[0]),
    31: (_INDEPENDENT, _THRESHOLDS[1]),
    33: ("pre-policy Adj-RIB-In", _TOO_LONG),
    39: ("pre-policy Adj-RIB-Out", _TOO_LONG),
}
_OF_FAMILY = {
    9: ("Adj-RIB-In", ""),
    10: ("Loc-RIB", ""),
    16: ("pre-policy Adj-RIB-Out", ""),
    17: ("post-policy Adj-RIB-Out", ""),
    19: ("pre-policy Adj-RIB-In", ""),
    21: ("post-policy Adj-RIB-In", ""),
    22: ("pre-policy Adj-RIB-In", "rejected by inbound policy"),
    23: ("post-policy Adj-RIB-In", "accepted by inbound policy"),
    26: (_INDEPENDENT, "suppressed by route damping"),
    27: (_INDEPENDENT, _STALE[0]),
    28: (_INDEPENDENT, _STALE[1]),
    30: ("post-policy Adj-RIB-In", _THRESHOLDS[0]),
    32: (_INDEPENDENT, _THRESHOLDS[1]),
    34: ("pre-policy Adj-RIB-In", _TOO_LONG),
    35: ("post-policy Adj-RIB-In", _VALIDATED[0]),
    36: ("post-policy Adj-RIB-In", _VALIDATED[1]),
    37: ("post-policy Adj-RIB-In", _VALIDATED[2]),
    38: ("pre-policy Adj-RIB-Out", "rejected by outbound policy"),
    40: ("pre-policy Adj-RIB-Out", _TOO_LONG),
    41: ("post-policy Adj-RIB-Out", _VALIDATED[0]),
    42: ("post-policy Adj-RIB-Out", _VALIDATED[1]),
    43: ("post-policy Adj-RIB-Out", _VALIDATED[2]),
}


def statistic_name(kind: int) -> str:
    """What a type counts; its number where no RFC says it (RFC 7854 10: some are for trials)."""
    if kind in _NAMES:
        return _NAMES[kind]
    if kind in _OF_ALL:
        return " ".join(("routes in the", *_OF_ALL[kind])).strip()
    if kind in _OF_FAMILY:
        return " ".join(("routes of an address family in the", *_OF_FAMILY[kind])).strip()
    return f"experimental {kind}" if 65531 <= kind <= 65534 else f"type {kind}"
