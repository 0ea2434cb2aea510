"""The types and flags of path attributes, and their names in the words of the RFCs."""

ORIGIN = 1
AS_PATH = 2
NEXT_HOP = 3
MED = 4
LOCAL_PREF = 5
ATOMIC_AGGREGATE = 6
AGGREGATOR = 7
COMMUNITIES = 8
ORIGINATOR_ID = 9
CLUSTER_LIST = 10
MP_REACH = 14
MP_UNREACH = 15
EXT_COMMUNITIES = 16
AS4_PATH = 17
AS4_AGGREGATOR = 18
PMSI_TUNNEL = 22
TUNNEL_ENCAPSULATION = 23
TRAFFIC_ENGINEERING = 24
IPV6_EXT_COMMUNITIES = 25
AIGP = 26
LARGE_COMMUNITIES = 32
ONLY_TO_CUSTOMER = 35
PREFIX_SID = 40
ATTR_SET = 128

OPTIONAL = 0x80
TRANSITIVE = 0x40
PARTIAL = 0x20
EXTENDED_LENGTH = 0x10

WELL_KNOWN = TRANSITIVE
OPTIONAL_TRANSITIVE = OPTIONAL | TRANSITIVE

_NAMES = {  # IANA "BGP Path Attributes"; those that a reader knows are named in its table
    MP_REACH: "mp-reach-nlri",
    MP_UNREACH: "mp-unreach-nlri",
    21: "as-pathlimit",
    27: "pe-distinguisher-labels",
    29: "bgp-ls",
    33: "bgpsec-path",
    36: "d-path",
    37: "sfp",
    38: "bfd-discriminator",
    39: "next-hop-dependent-characteristics",
    41: "bier",
}
_FLAGS = (
    (OPTIONAL, "optional"),
    (TRANSITIVE, "transitive"),
    (PARTIAL, "partial"),
    (EXTENDED_LENGTH, "extended length"),
)


def unread_name(kind: int) -> str | None:
    """The name of a type that has no reader here; None where it has none."""
    return _NAMES.get(kind)


def flag_names(flags: int) -> list[str]:
    """`["optional", "transitive"]` (RFC 4271 4.3)."""
    return [name for bit, name in _FLAGS if flags & bit]
