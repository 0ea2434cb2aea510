"""The types of a Statistics Report: RFC 7854 4.8, RFC 8671 6.2, RFC 9972 3.

A value is kept by the number of its type whatever that is, so that private and later types are
there too. How it is read is told by its length: 4 octets are a counter, 8 a gauge, 11 a gauge
of one address family.
"""

_IN = "routes in the "
_FAMILY = "routes of an address family in the "
_EITHER = "post-policy Adj-RIB-In or Loc-RIB "
_ORIGIN = "whose origin validation state is "
_TOO_LONG = "whose AS_PATH is longer than the configured limit"

_NAMES = {
    0: "prefixes rejected by inbound policy",
    1: "duplicate prefix advertisements",
    2: "duplicate withdraws",
    3: "updates invalidated due to CLUSTER_LIST loop",
    4: "updates invalidated due to AS_PATH loop",
    5: "updates invalidated due to ORIGINATOR_ID",
    6: "updates invalidated due to AS_CONFED loop",
    7: _IN + "Adj-RIBs-In",
    8: _IN + "Loc-RIB",
    9: _FAMILY + "Adj-RIB-In",
    10: _FAMILY + "Loc-RIB",
    11: "updates subjected to treat-as-withdraw",
    12: "prefixes subjected to treat-as-withdraw",
    13: "duplicate update messages received",
    14: _IN + "pre-policy Adj-RIB-Out",
    15: _IN + "post-policy Adj-RIB-Out",
    16: _FAMILY + "pre-policy Adj-RIB-Out",
    17: _FAMILY + "post-policy Adj-RIB-Out",
    18: _IN + "pre-policy Adj-RIB-In",
    19: _FAMILY + "pre-policy Adj-RIB-In",
    20: _IN + "post-policy Adj-RIB-In",
    21: _FAMILY + "post-policy Adj-RIB-In",
    22: _FAMILY + "pre-policy Adj-RIB-In rejected by inbound policy",
    23: _FAMILY + "post-policy Adj-RIB-In accepted by inbound policy",
    24: "routes of an address family selected as primary",  # in the drafts of RFC 9972 only
    25: "routes of an address family selected as backup",
    26: _FAMILY + _EITHER + "suppressed by route damping",
    27: _FAMILY + _EITHER + "stale by graceful restart",
    28: _FAMILY + _EITHER + "stale by long-lived graceful restart",
    29: _IN + "post-policy Adj-RIB-In left before the received route threshold",
    30: _FAMILY + "post-policy Adj-RIB-In left before the received route threshold",
    31: _IN + _EITHER + "left before the licensed route threshold",
    32: _FAMILY + _EITHER + "left before the licensed route threshold",
    33: _IN + "pre-policy Adj-RIB-In " + _TOO_LONG,
    34: _FAMILY + "pre-policy Adj-RIB-In " + _TOO_LONG,
    35: _FAMILY + "post-policy Adj-RIB-In " + _ORIGIN + "invalid",
    36: _FAMILY + "post-policy Adj-RIB-In " + _ORIGIN + "valid",
    37: _FAMILY + "post-policy Adj-RIB-In " + _ORIGIN + "not found",
    38: _FAMILY + "pre-policy Adj-RIB-Out rejected by outbound policy",
    39: _IN + "pre-policy Adj-RIB-Out " + _TOO_LONG,
    40: _FAMILY + "pre-policy Adj-RIB-Out " + _TOO_LONG,
    41: _FAMILY + "post-policy Adj-RIB-Out " + _ORIGIN + "invalid",
    42: _FAMILY + "post-policy Adj-RIB-Out " + _ORIGIN + "valid",
    43: _FAMILY + "post-policy Adj-RIB-Out " + _ORIGIN + "not found",
}

StatValue = int | tuple[int, int] | bytes
"""A counter or gauge; (family, gauge) where it is for one family; else the octets themselves."""


def statistic_name(kind: int) -> str:
    """What a type counts; `experimental 65531`, `type 77` where no RFC says it."""
    name = _NAMES.get(kind)
    if name is not None:
        return name
    return f"experimental {kind}" if 65531 <= kind <= 65534 else f"type {kind}"


def read_statistic(value: bytes) -> StatValue:
    """The value of one type, by its length."""
    if len(value) in (4, 8):
        return int.from_bytes(value, "big")
    if len(value) == 11:
        return int.from_bytes(value[:3], "big"), int.from_bytes(value[3:], "big")
    return value
