"""The origin of a route for its validation (RFC 6811 2), where its path does not end in an AS.

A path that is empty has the AS of the router that made the route. One that ends in a confederation
has it too, but routers name themselves by their member AS there, and the AS that the confederation
is to others is told nowhere in BMP. One that ends in an AS_SET has no origin.
"""

from __future__ import annotations

OWN = -1
"""Stands for the router's own AS."""

UNKNOWN = -2
"""Stands for an AS that cannot be told."""


def route_origin(origin_asn: int | None, as_path_text: str | None) -> int | None:
    """An AS number, one of the above, or None: the path ends in a set.

    `as_path_text` is that of the store: None for a path that is a plain sequence, or empty.
    """
    if origin_asn is not None:
        return origin_asn
    if as_path_text is None:
        return OWN
    return None if as_path_text.endswith("}") else UNKNOWN


SQL = f"""
CASE WHEN a.attr_id IS NULL THEN {UNKNOWN}
     WHEN a.origin_asn IS NOT NULL OR a.as_path_text LIKE '%}}' THEN a.origin_asn
     WHEN a.as_path_text IS NULL THEN {OWN} ELSE {UNKNOWN} END
"""
"""The same of `rib.path_attributes AS a`."""
