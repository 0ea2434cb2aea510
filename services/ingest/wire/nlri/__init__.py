"""Splitting an NLRI field into single routes, each a key and what is told beside it.

A route's key is canonical octets: two NLRI that mean the same route have the same key, whoever
sent them, announced or withdrawn. Everything else of an NLRI, such as the label stack, is its
detail. Both stay octets, and text is made of them only on demand.

    family                       key                                         detail
    unicast, multicast           length in bits, prefix                      none
    labeled unicast (RFC 8277)   length in bits, prefix                      label stack
    VPN (RFC 4364, RFC 4659)     RD, length in bits, prefix                  label stack
    EVPN (RFC 7432)              route type, the fields that the RFCs name   the other fields
    FlowSpec (RFC 8955)          RD in a VPN, components                     none
    route target (RFC 4684)      length in bits, origin AS and target        none
    any other                    the whole NLRI                              none

The spare bits of a prefix are zero in a key, whatever a router sends. The NLRI of a family that
is not in `SPLIT_FAMILIES` cannot be told apart: they are one opaque value.

`split_nlri` and `split_add_path_nlri` give an NlriSet or raise WireError; they check every
length and every field whose values an RFC limits, so that a field that is read in the wrong way
is noticed. `describe_nlri` and `prefix_text` take keys and details that came from them.
"""

from services.ingest.wire.nlri.nlri_set import NlriSet
from services.ingest.wire.nlri.split import (
    SPLIT_FAMILIES,
    describe_nlri,
    prefix_text,
    split_add_path_nlri,
    split_nlri,
)

__all__ = [
    "SPLIT_FAMILIES",
    "NlriSet",
    "describe_nlri",
    "prefix_text",
    "split_add_path_nlri",
    "split_nlri",
]
