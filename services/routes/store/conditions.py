"""Conditions of statements, put together from constants; every value is bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Alternatives = tuple[tuple[str, str, list[Any]], ...]
"""Columns of which one must match, each with its type and the values asked for."""


def is_asked(alternatives: Alternatives) -> bool:
    """Whether any value was asked for."""
    return any(wanted for _, _, wanted in alternatives)


def any_of(alternatives: Alternatives, values: dict[str, Any]) -> str:
    """One of these columns is one of its values; they are added to `values` by new names."""
    parts = []
    for column, kind, wanted in alternatives:
        if wanted:
            name = f"v{len(values)}"
            # Addresses travel as text: the driver would want address objects.
            carried = "text" if kind in {"inet", "macaddr"} else kind
            parts.append(f"{column} = ANY (CAST(CAST(:{name} AS {carried}[]) AS {kind}[]))")
            values[name] = wanted
    return f"({' OR '.join(parts)})"


def all_of(filters: Iterable[Alternatives], values: dict[str, Any]) -> list[str]:
    """A condition for each filter of which any value was asked for."""
    return [any_of(one, values) for one in filters if is_asked(one)]
