"""JSON for a person to read: indented, with what is short on one line, and not too much of it."""

from __future__ import annotations

from typing import Any

import orjson

_WIDTH = 90
_ITEMS = 2


def readable(body: bytes) -> str:
    """A JSON body for a person; any other as it is."""
    try:
        return pretty(shortened(orjson.loads(body)))
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def shortened(value: Any, items: int = _ITEMS) -> Any:  # noqa: ANN401 - any JSON value
    """The value with lists of objects cut to their first items and a word on how many more."""
    if isinstance(value, dict):
        return {key: shortened(item, items) for key, item in value.items()}
    if isinstance(value, list):
        kept = [shortened(item, items) for item in value]
        if len(value) > items and isinstance(value[0], dict):
            return [*kept[:items], f"... and {len(value) - items} more"]
        return kept
    return value


def pretty(value: Any, indent: str = "") -> str:  # noqa: ANN401 - any JSON value
    """The value on as few lines as fit."""
    flat = orjson.dumps(value).decode()
    if len(indent) + len(flat) <= _WIDTH or not isinstance(value, dict | list):
        return flat
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{orjson.dumps(k).decode()}: {pretty(v, deeper)}" for k, v in value.items()]
        begin, end = "{", "}"
    else:
        parts = [pretty(item, deeper) for item in value]
        begin, end = "[", "]"
    return begin + ",".join(f"\n{deeper}{part}" for part in parts) + f"\n{indent}{end}"
