"""Sets of path attributes: what is asked of them, and reading them by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.routes.store.conditions import any_of, is_asked
from services.routes.store.driver import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.as_path import AsPathPattern, Step
    from services.routes.asking.routes import RouteFilter
    from services.routes.store.conditions import Alternatives
    from services.routes.store.driver import Row

COLUMNS = """
a.attr_id, host(a.next_hop) AS next_hop, a.origin, a.origin_asn, a.as_path, a.as_path_text, a.med,
a.local_pref, a.communities, a.large_communities, a.ext_communities, a.aggregator_asn,
host(a.aggregator_id) AS aggregator_id, a.atomic_aggregate, host(a.originator_id) AS originator_id,
CASE WHEN a.cluster_list IS NOT NULL
     THEN ARRAY(SELECT host(c) FROM unnest(a.cluster_list) AS c) END AS cluster_list,
a.others::text AS others
"""
"""What is rendered of a set, of `rib.path_attributes AS a`."""

# The path as text, where `(1 2)`, a confederation sequence, is inline, and both kinds of set are
# in braces: {1 2}.
_PATH = "coalesce(translate(a.as_path_text, '[]()', '{}'), array_to_string(a.as_path, ' '))"


async def attributes_of(conn: AsyncConnection, attr_ids: Iterable[int | None]) -> list[Row]:
    """Those of these sets that there are."""
    statement = (
        f"SELECT {COLUMNS} FROM rib.path_attributes AS a "
        "WHERE a.attr_id = ANY (CAST(:attr_ids AS int8[]))"
    )
    return await fetch(conn, statement, {"attr_ids": list(attr_ids)})


def attribute_conditions(asked: RouteFilter, values: dict[str, Any]) -> list[str]:
    """What a filter asks of `rib.path_attributes AS a`; empty where it asks nothing of them."""
    conditions = [any_of(one, values) for one in _columns(asked) if is_asked(one)]
    for column, kind, wanted in _lists(asked):
        if wanted:
            name = f"v{len(values)}"
            conditions.append(f"{column} && CAST(:{name} AS {kind}[])")
            values[name] = wanted
    if asked.as_paths:
        paths = " OR ".join(_path_condition(one, values) for one in asked.as_paths)
        conditions.append(f"({paths})")
    return conditions


def _columns(asked: RouteFilter) -> tuple[Alternatives, ...]:
    return (
        (("a.origin_asn", "int8", asked.origin_asns),),
        (("a.next_hop", "inet", asked.next_hops),),
    )


def _lists(asked: RouteFilter) -> Alternatives:
    return (
        ("a.communities", "int8", asked.communities),
        ("a.large_communities", "text", asked.large_communities),
        ("a.ext_communities", "text", asked.ext_communities),
    )


def _path_condition(pattern: AsPathPattern, values: dict[str, Any]) -> str:
    numbers, path = f"v{len(values)}", f"v{len(values) + 1}"
    values[numbers] = sorted(pattern.asns)
    values[path] = _regular_expression(pattern)
    condition = f"{_PATH} ~ CAST(:{path} AS text)"
    if len(pattern.steps) == 1 and not (pattern.at_start or pattern.at_end):
        # A list of numbers alone says it all, unless the number may be one of a set.
        condition = f"(a.as_path_text IS NULL AND {_is_single(pattern)} OR {condition})"
    # The index finds those that have all the numbers; the order is left to be looked at.
    condition = f"(a.as_path @> CAST(:{numbers} AS int8[]) AND {condition})"
    return f"NOT {condition}" if pattern.is_negated else condition


def _is_single(pattern: AsPathPattern) -> str:
    return "true" if isinstance(pattern.steps[0], int) else "false"


def _regular_expression(pattern: AsPathPattern) -> str:
    if not pattern.steps:
        return "^$"
    start = "^" if pattern.at_start else "(?:^| )"
    end = "$" if pattern.at_end else "(?:$| )"
    return start + " ".join(map(_step, pattern.steps)) + end


def _step(step: Step) -> str:
    """An AS_SET may come in any order: it has as many members as these, and each of these.

    A number by itself is none of a set's: the next brace behind it is not one that closes.
    """
    if isinstance(step, int):
        return rf"{step}(?![^{{}}]*\}})"
    members = "".join(rf"(?=[^}}]*\m{asn}\M)" for asn in sorted(set(step)))
    return rf"\{{{members}\d+(?: \d+){{{len(step) - 1}}}\}}"
