"""Fields that bodies of several kinds have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import RowMapping


def router_name(peer: RowMapping | Mapping[str, Any]) -> str:
    """The router's name, or its address where it has none."""
    name: str | None = peer["sys_name"]
    return name or address_text(peer["router_address"])


def address_text(value: Any) -> str:  # noqa: ANN401 - the driver's choice: address, interface or network
    """An address without the length that the driver may have put behind it."""
    return str(value).partition("/")[0]


def optional_address(value: Any) -> str | None:  # noqa: ANN401 - the driver's choice, as above
    """The same of a value that may be missing."""
    return None if value is None else address_text(value)


def seconds_since(now: datetime, moment: datetime) -> float:
    """From `moment` to `now`, to the millisecond."""
    return round((now - moment).total_seconds(), 3)
