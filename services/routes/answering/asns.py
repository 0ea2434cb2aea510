"""From rows and AS paths to what is said of an AS."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from shared.contracts.asns import AsnBody, Neighbour, OriginatedPrefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from services.routes.store.driver import Row

    AsName = Callable[[int], str | None]

NEIGHBOURS = 1_000
"""Shown on each side at most: more than an AS mostly has."""


def asn_body(
    asn: int, rows: Sequence[Row], paths: Sequence[Sequence[int]], name: AsName
) -> AsnBody:
    """`rows` are its prefixes, `paths` AS paths that it stands in; `name` knows AS names."""
    upstreams, downstreams = neighbours(asn, paths)
    first = rows[0] if rows else None
    return AsnBody(
        asn=asn,
        name=name(asn),
        prefixes=[
            OriginatedPrefix(
                prefix=row["prefix"],
                peers=row["peers"],
                first_seen=row["first_seen"],
                last_updated=row["last_changed"],
                last_confirmed=row["last_confirmed"],
            )
            for row in rows
        ],
        prefixes_total=first["prefixes_total"] if first else 0,
        first_seen=first["first_of_all"] if first else None,
        last_seen=first["last_of_all"] if first else None,
        upstreams=_most_frequent(upstreams, name),
        downstreams=_most_frequent(downstreams, name),
        paths=len(paths),
    )


def neighbours(asn: int, paths: Iterable[Sequence[int]]) -> tuple[Counter[int], Counter[int]]:
    """In how many paths each AS stands before this one, and behind it; prepending counts once."""
    before: Counter[int] = Counter()
    behind: Counter[int] = Counter()
    for path in paths:
        pairs = set(pairwise(path))
        before.update({left for left, right in pairs if right == asn != left})
        behind.update({right for left, right in pairs if left == asn != right})
    return before, behind


def _most_frequent(counted: Counter[int], name: AsName) -> list[Neighbour]:
    most = sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:NEIGHBOURS]
    return [Neighbour(asn=asn, name=name(asn), paths=paths) for asn, paths in most]
