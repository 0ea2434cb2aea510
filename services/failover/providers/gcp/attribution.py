"""Who changed a router, and what is still being done to it, by GCP's operations.

https://cloud.google.com/compute/docs/reference/rest/v1/regionOperations/list
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.failover.acting.earlier import lost
from services.failover.providers.faults import CallError, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.failover.acting.earlier import Earlier
    from services.failover.policy.model import Step
    from services.failover.providers.gcp.compute import Compute, Resource, RouterName

LIST = "compute.regionOperations.list"
_FORBIDDEN, _NOT_FOUND = 403, 404
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


async def under_way(
    compute: Compute, name: RouterName, step: Step, earlier: Sequence[Earlier], landing: float
) -> str | None:
    """A sentence on what may still change a router; None: nothing. Raises CallError.

    A request that had no answer is known by its id once it has arrived (`clientOperationId`), and
    GCP carries none out twice. One that is not there after `landing` seconds never was.
    """
    try:
        operations = await compute.operations(name)
    except CallError as error:
        if error.status != _FORBIDDEN or error.fault is not Fault.REFUSED:
            raise
        return await _of_those_known(compute, name, earlier)
    for operation in operations:
        if operation["status"] != "DONE":
            return _not_done(name, operation)
    arrived = {one.get("clientOperationId") for one in operations}
    missing = [one for one in earlier if one.record.request_id not in arrived]
    return next((lost(step, one, landing) for one in missing if one.may_land(landing)), None)


async def _of_those_known(
    compute: Compute, name: RouterName, earlier: Sequence[Earlier]
) -> str | None:
    """Without the permission to list: what GCP once named, and else the safe side."""
    for one in earlier:
        for known in one.operations:
            operation = await _operation(compute, name, known)
            if operation is not None and operation["status"] != "DONE":
                return _not_done(name, operation)
        if one.is_in_doubt and not one.operations:
            return (
                f"what became of the request {one.record.request_id} to {name} cannot be found "
                f"out without the permission {LIST}: grant it, or wait until a day is over"
            )
    return None


async def _operation(compute: Compute, name: RouterName, known: str) -> Resource | None:
    """None: GCP has forgotten it, which it does with those that are done."""
    try:
        return await compute.operation(name, known)
    except CallError as error:
        if error.status != _NOT_FOUND:
            raise
        return None


def _not_done(name: RouterName, operation: Resource) -> str:
    return (
        f"the operation {operation['name']} on {name} is not done yet: wait for its end (gcloud "
        f"compute operations describe {operation['name']} --region {name.region}), then try again"
    )


def _began(operation: Resource) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(operation.get("insertTime")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
