"""Inputs that once broke the decoder, plain or compiled; each runs through its fuzz target."""

from __future__ import annotations

import pytest

from services.ingest.wire import families
from tests.fuzz.targets import TARGETS
from tests.ingest.wire import octets as o

FINDINGS = {
    # Compiled: a slice from behind the next hop to before it was a SystemError.
    "a VPN next hop without a link-local one": (
        "attributes",
        o.ORIGIN + o.AS_PATH + o.mp_reach(families.VPNV6, bytes(24), b""),
    ),
    "the same with a route": (
        "update",
        o.update(
            o.MANDATORY
            + o.mp_reach(families.VPNV4, bytes(12), bytes.fromhex("708000010000fde80000000a0a0a00"))
        )[19:],
    ),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_what_was_found_is_mended(name: str) -> None:
    target, octets = FINDINGS[name]
    TARGETS[target].run(octets)
