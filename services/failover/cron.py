"""Times that come again and again, written as in a crontab: `0 3 * * tue`.

Days of the week are names: what 1 means differs between crontabs and APScheduler.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

if TYPE_CHECKING:
    from datetime import tzinfo


def parsed(text: str, zone: tzinfo) -> CronTrigger:
    """When it comes, by the clock on the wall of a time zone. ValueError says what to write."""
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"{text!r} is no schedule: write five fields, as in 0 3 * * tue")
    if re.search(r"\d", fields[4]):
        raise ValueError(f"write the days of the week by their names, as in 0 3 * * tue: {text!r}")
    try:
        return CronTrigger.from_crontab(text, timezone=zone)
    except ValueError as error:
        raise ValueError(f"{text!r} is no schedule: {error}") from None


def zone(name: str) -> tzinfo:
    """A time zone by its name. ValueError says what to write."""
    if name == "UTC":
        return UTC  # also on a machine that knows no other
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no time zone: write UTC, or a name like Europe/Berlin"
        ) from None


def last(trigger: CronTrigger, now: datetime, within: timedelta) -> datetime | None:
    """The last time that it came, if that was within so long; the same for all who ask.

    An hour that the clock shows twice counts once, and a time that a day leaves out does not come.
    """
    found = None
    at = _after(trigger, now - within)
    while at is not None and at <= now:
        if not at.astimezone(trigger.timezone).fold:
            found = at
        at = _after(trigger, at + timedelta(microseconds=1))
    return found


def _after(trigger: CronTrigger, moment: datetime) -> datetime | None:
    """When it comes next. In UTC, in which one moment follows the other."""
    at: datetime | None = trigger.get_next_fire_time(None, moment.astimezone(UTC))
    return None if at is None else at.astimezone(UTC)
