"""Whether an answer has the shape that is read of it. Pure.

A shape is a type of JSON's values, a list with the shape of its members, or the fields of an
object. A field that has no shape may be anything, since it is not read; one that is not there is
left to whoever reads, unless it is needed. `null` is no value of any type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_SAID = 60


@dataclass(frozen=True, slots=True)
class Fields:
    """An object."""

    of: Mapping[str, Shape]
    needs: tuple[str, ...] = ()
    """The fields that have to be there."""


Shape: TypeAlias = type | tuple[type, ...] | list["Shape"] | Fields

_NAMES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def misfit(value: object, shape: Shape, where: str = "") -> str | None:
    """The first thing that is not as it should be: `bgpPeers[0].name is 5, and not text`."""
    if isinstance(shape, Fields):
        return _object(value, shape, where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _wrong(value, list, where)
        found = (misfit(each, shape[0], f"{where}[{n}]") for n, each in enumerate(value))
        return next((said for said in found if said), None)
    types = shape if isinstance(shape, tuple) else (shape,)
    # Exactly, since true is an int to Python.
    return None if type(value) in types else _wrong(value, types[0], where)


def _object(value: object, shape: Fields, where: str) -> str | None:
    if not isinstance(value, dict):
        return _wrong(value, dict, where)
    for name in shape.needs:
        if name not in value:
            return f"{where or 'the answer'} has no {name}"
    for name, each in shape.of.items():
        if name in value and (said := misfit(value[name], each, f"{where}.{name}".lstrip("."))):
            return said
    return None


def _wrong(value: object, wanted: type, where: str) -> str:
    given = repr(value)
    shown = given if len(given) <= _MOST_SAID else f"{given[:_MOST_SAID]}..."
    return f"{where or 'the answer'} is {shown}, and not {_NAMES.get(wanted, wanted.__name__)}"
