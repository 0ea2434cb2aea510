"""Situations, limits and decisions as JSON and back, so that a decision can be made again.

`from_json(kind, to_json(value)) == value` for the dataclasses of the policy. Only what is said to
be any `object`, the facts of a provider and the diff of a step, has to be JSON by itself: no
decision depends on it.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal, TypeVar, cast

from services.failover.policy import decide, model, rules, states

Kind = TypeVar("Kind")

# The policy's modules import these for the type checker alone.
_NAMES: dict[str, Any] = {
    name: value
    for module in (decide, model, rules, states)
    for name, value in vars(module).items()
    if isinstance(value, type)
} | {"datetime": datetime, "timedelta": timedelta, "Mapping": Mapping, "Literal": Literal}


def to_json(value: object) -> Any:  # noqa: ANN401 - JSON of any shape
    """Objects, arrays, texts and numbers; times in RFC 3339, spans in seconds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (one.name for one in dataclasses.fields(value))
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {to_json(key): to_json(one) for key, one in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(to_json(one) for one in value)
    if isinstance(value, list | tuple):
        return [to_json(one) for one in value]
    return _plain_json(value)


def _plain_json(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def from_json(kind: type[Kind], value: Any) -> Kind:  # noqa: ANN401 - JSON of any shape
    """What `to_json` was given; KeyError, TypeError or ValueError where it is something else."""
    return cast("Kind", _read(kind, value))


def _read(kind: Any, value: Any) -> Any:  # noqa: ANN401 - any of the policy's annotations
    if value is None or kind is object:
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        (kind,) = (one for one in arguments if one is not types.NoneType)
        return _read(kind, value)
    if origin is tuple:
        return tuple(_read(arguments[0], one) for one in value)
    if origin is frozenset:
        return frozenset(_read(arguments[0], one) for one in value)
    if origin is Mapping:
        return {_read(arguments[0], key): _read(arguments[1], one) for key, one in value.items()}
    return _read_plain(kind, value)


def _read_plain(kind: Any, value: Any) -> Any:  # noqa: ANN401 - likewise
    if dataclasses.is_dataclass(kind):
        hints = _hints(cast("type", kind))
        known = {name: one for name, one in value.items() if name in hints}
        return cast("Any", kind)(**{name: _read(hints[name], one) for name, one in known.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is timedelta:
        return timedelta(seconds=value)
    return value


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, localns=_NAMES)
