"""ExaBGP's own decoder of NLRI, run by the Python that Debian's ExaBGP runs on."""

from __future__ import annotations

import json
import subprocess
from typing import Any

_PYTHON = "/usr/bin/python3"  # what Debian's exabgp names in its first line
_WITHIN_S = 30.0
_PROGRAM = """
import json, sys
from exabgp.configuration.setup import environment
environment.setup("")
from exabgp.bgp.message.direction import IN
from exabgp.bgp.message.update.nlri import NLRI
from exabgp.protocol.family import AFI, SAFI
for line in sys.stdin:
    afi, safi, octets = line.split()
    family = AFI.create(int(afi)), SAFI.create(int(safi))
    nlri, left = NLRI.unpack_nlri(*family, bytes.fromhex(octets), IN.ANNOUNCED, False)
    print(nlri.json() if not left else json.dumps({"left": left.hex()}))
"""


def decoded(nlri: list[tuple[int, bytes]]) -> list[dict[str, Any]]:
    """What ExaBGP says of each NLRI, given with its family."""
    lines = [f"{family >> 8} {family & 0xFF} {octets.hex()}" for family, octets in nlri]
    done = subprocess.run(
        [_PYTHON, "-W", "ignore", "-c", _PROGRAM],
        input="\n".join(lines),
        check=True,
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
