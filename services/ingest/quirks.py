"""What some routers report otherwise than they should, put right before it is stored.

The wire decoder shows what was sent; this is the only place that changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.wire import AS_SEQUENCE, RibView

if TYPE_CHECKING:
    from services.ingest.wire import AsPath, PeerUp

_RECEIVED = frozenset({RibView.ADJ_RIB_IN_PRE, RibView.ADJ_RIB_IN_POST})


def own_asn_in_front(sys_descr: str | None, message: PeerUp) -> int | None:
    """The AS number that this router wrongly puts before the paths it received from the peer.

    FRR before FRRouting/frr#21815 (2026) reports a route received from an external peer with the
    path that it would announce to that peer, its own AS first. A path that really held the
    router's own AS would have been refused as a loop (RFC 4271 9.1.2).
    """
    if not (sys_descr or "").startswith("FRRouting") or message.sent_open is None:
        return None
    own = message.sent_open.asn
    return own if own != message.peer.asn else None


def path_as_received(path: AsPath, own_asn: int | None, view: RibView) -> AsPath:
    """The path without the router's own AS before it; the same object where it has none."""
    if own_asn is None or not path or view not in _RECEIVED:
        return path
    kind, numbers = path[0]
    if kind != AS_SEQUENCE or numbers[0] != own_asn:
        return path
    rest = ((kind, numbers[1:]),) if len(numbers) > 1 else ()
    return (*rest, *path[1:])
