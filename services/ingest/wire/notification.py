"""BGP NOTIFICATION (RFC 4271 4.5): code, subcode, and what the data of some of them say."""

from typing import NamedTuple

from services.ingest.wire.codes import notification_code_name, notification_subcode_name
from services.ingest.wire.families import family_name
from services.ingest.wire.text import free_text

_CEASE = 6
_MAXIMUM_PREFIXES = 1
_WITH_TEXT = (2, 4)  # Administrative Shutdown and Administrative Reset (RFC 9003 2)
_HARD_RESET = 9


class Notification(NamedTuple):
    code: int
    subcode: int
    data: bytes

    @property
    def name(self) -> str:
        """`Cease / Administrative Shutdown`, `Hold Timer Expired`."""
        code = notification_code_name(self.code)
        subcode = notification_subcode_name(self.code, self.subcode)
        return code if subcode is None else f"{code} / {subcode}"

    @property
    def communication(self) -> str | None:
        """What the operator of the other side wrote (RFC 9003 2); None where it is not there.

        Its length octet may count up to 255; a text that is shorter than it says is none.
        """
        data = self.data
        if self.code != _CEASE or self.subcode not in _WITH_TEXT or not data:
            return None
        if data[0] == 0 or len(data) <= data[0]:
            return None
        return free_text(data[1 : 1 + data[0]])

    @property
    def reset_by(self) -> "Notification | None":
        """The NOTIFICATION that a Hard Reset carries (RFC 8538 3.1)."""
        if (self.code, self.subcode) != (_CEASE, _HARD_RESET) or len(self.data) < 2:
            return None
        return Notification(self.data[0], self.data[1], self.data[2:])

    @property
    def prefix_limit(self) -> tuple[int, int] | None:
        """(family, upper bound) where too many prefixes were the reason (RFC 4486 4)."""
        if (self.code, self.subcode) != (_CEASE, _MAXIMUM_PREFIXES) or len(self.data) != 7:
            return None
        return int.from_bytes(self.data[:3], "big"), int.from_bytes(self.data[3:], "big")

    @property
    def text(self) -> str:
        """All of it that is readable, in one line."""
        if self.communication is not None:
            return f"{self.name}: {self.communication}"
        if self.prefix_limit is not None:
            family, limit = self.prefix_limit
            return f"{self.name}: {family_name(family)} {limit}"
        carried = self.reset_by
        if carried is not None and carried.reset_by is None:  # one inside another is no more
            return f"{self.name}: {carried.text}"
        return self.name


def describe_notification(notification: Notification) -> dict[str, object]:
    """Every part by name; a part that is not there is left out."""
    out: dict[str, object] = {
        "code": notification.code,
        "subcode": notification.subcode,
        "name": notification.name,
    }
    if notification.communication is not None:
        out["communication"] = notification.communication
    if notification.prefix_limit is not None:
        family, limit = notification.prefix_limit
        out["prefix_limit"] = {"family": family_name(family), "limit": limit}
    carried = notification.reset_by
    if carried is not None:
        out["reset_by"] = {"code": carried.code, "subcode": carried.subcode, "name": carried.name}
    if notification.data:
        out["data"] = notification.data.hex()
    return out
