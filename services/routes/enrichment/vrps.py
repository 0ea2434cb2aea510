"""VRPs from the JSON that relying parties write.

rpki-client (`-j`), Routinator (`json` and `jsonext`) and StayRTR have one shape: an object whose
`roas` are objects with `asn` (a number, or text such as `AS64496`), `prefix` and `maxLength`.
rpki-client adds `expires` (Unix seconds). One entry that cannot be read condemns the file: without
it a route could be called invalid that is not.
"""

from __future__ import annotations

from typing import Any

import orjson

from services.routes.enrichment.errors import FileError
from services.routes.enrichment.vrp_table import NEVER, Vrp, Vrps, VrpTable, read_prefix


def read_vrps(data: bytes, now: float) -> VrpTable:
    """The VRPs that have not expired at `now` (Unix seconds); FileError where there are none."""
    roas = _roas(data)
    v4: Vrps = {}
    v6: Vrps = {}
    for number, entry in enumerate(roas):
        try:
            is_v6, prefix, vrp = _vrp(entry)
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"roas[{number}] {_fault(error)}") from None
        if vrp[2] > now:
            (v6 if is_v6 else v4).setdefault(prefix, []).append(vrp)
    if not v4 and not v6:
        raise FileError(f"all of its {len(roas)} VRPs have expired" if roas else "it has no VRPs")
    return VrpTable(v4, v6)


def _roas(data: bytes) -> list[Any]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FileError(f"it is no JSON, or is cut off: {error}") from None
    roas = document.get("roas") if isinstance(document, dict) else None
    if not isinstance(roas, list):
        raise FileError('it has no list "roas"')
    return roas


def _vrp(entry: Any) -> tuple[bool, int, Vrp]:  # noqa: ANN401 - whatever JSON has
    prefix = entry["prefix"]
    if not isinstance(prefix, str):
        raise TypeError(f"has the prefix {prefix!r}")
    is_v6, first, length = read_prefix(prefix)
    width = 128 if is_v6 else 32
    max_length = entry.get("maxLength", length)  # RFC 9582 4.3.2.2: without one, the prefix alone
    if not isinstance(max_length, int) or not 0 <= length <= max_length <= width:
        raise ValueError(f"has the maxLength {max_length!r} with the prefix {prefix}")
    if first & (1 << width - length) - 1:
        raise ValueError(f"has the prefix {prefix}, with bits set outside its mask")
    expires = entry.get("expires", NEVER)
    if not isinstance(expires, int):
        raise TypeError(f"has the time {expires!r} in expires")
    return is_v6, first << 8 | length, (_asn(entry["asn"]), max_length, min(expires, NEVER))


def _asn(value: Any) -> int:  # noqa: ANN401 - whatever JSON has
    number = int(value.upper().removeprefix("AS")) if isinstance(value, str) else value
    if not isinstance(number, int) or not 0 <= number < 2**32:
        raise ValueError(f"has the asn {value!r}")
    return number


def _fault(error: Exception) -> str:
    return f"has no {error.args[0]}" if isinstance(error, KeyError) else str(error)
