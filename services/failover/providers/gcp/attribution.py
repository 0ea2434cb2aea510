"""Who changed a router, by GCP's list of operations. Pure but for the call.

https://cloud.google.com/compute/docs/reference/rest/v1/regionOperations/list
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.failover.providers.faults import CallError

if TYPE_CHECKING:
    from services.failover.providers.gcp.compute import Compute, Resource, RouterName

_SKEW = timedelta(minutes=1)
"""GCP's clock is not ours."""


async def last_change(compute: Compute, name: RouterName, since: datetime) -> str:
    """Half a sentence on the last operation on a router that began after `since`."""
    try:
        operations = await compute.operations(name)
    except CallError as error:
        return f"who changed it cannot be read: {error}"
    found = [(at, one) for one in operations if (at := _began(one)) and at >= since - _SKEW]
    if not found:
        return "who changed it is not known, since GCP has no operation on it at that time"
    at, operation = max(found, key=lambda each: each[0])
    return (
        f"changed by {operation.get('user') or 'somebody whom GCP does not name'} "
        f"({operation.get('operationType') or 'an operation'} {operation['name']} at "
        f"{at.isoformat(timespec='seconds')})"
    )


def _began(operation: Resource) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(operation.get("insertTime")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
