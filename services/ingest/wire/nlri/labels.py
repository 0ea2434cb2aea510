"""MPLS labels as octets: 20 bits of label, 3 of traffic class, 1 that marks the bottom.

Where EVPN runs over VXLAN the same three octets are a VNI of 24 bits (RFC 8365 5.1.3), which
only the route's encapsulation community tells, so both readings are shown.
"""


def label_values(stack: bytes) -> list[int]:
    """The 20-bit labels of a stack."""
    return [vni >> 4 for vni in vni_values(stack)]


def vni_values(stack: bytes) -> list[int]:
    """The same octets, each three as one number."""
    return [int.from_bytes(stack[i : i + 3], "big") for i in range(0, len(stack), 3)]
