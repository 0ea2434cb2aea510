"""The housekeeper of the store."""

from __future__ import annotations

import time

from prometheus_client import REGISTRY
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.ingest.keeper import Keeper


async def test_housekeeping_that_fails_is_counted_and_waits_for_the_next_time() -> None:
    async def fail() -> None:
        raise PermissionError("permission denied for schema rib")

    def count() -> float:
        labels = {"task": "partitions"}
        return REGISTRY.get_sample_value("bgpilot_ingest_keeper_failures_total", labels) or 0.0

    before = count()
    with capture_logs() as logs:
        await Keeper(SecretStr("postgresql:///none"), time.monotonic)._attempt("partitions", fail)
    assert count() == before + 1
    (line,) = logs
    assert (line["log_level"], line["task"]) == ("error", "partitions")
    assert line["exc_info"]
