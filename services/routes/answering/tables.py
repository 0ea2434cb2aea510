"""CSV as spreadsheets and databases read it (RFC 4180)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPECIAL = re.compile(r'[",\r\n]')


def csv_fields(values: Iterable[object]) -> str:
    """Fields with commas between, without an end of line."""
    return ",".join(map(csv_field, values))


def csv_field(value: object) -> str:
    """Nothing for None; items of a list with spaces between; JSON for what has names."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        text = " ".join(map(str, value))
    elif isinstance(value, dict):
        text = orjson.dumps(value).decode() if value else ""
    else:
        text = str(value)
    if _SPECIAL.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
