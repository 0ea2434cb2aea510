"""What follows from a failed call for the step that made it."""

from __future__ import annotations

import pytest

from services.failover.providers.faults import CallError, Fault


@pytest.mark.parametrize("fault", Fault)
def test_only_a_provider_that_says_no_ends_a_step(fault: Fault) -> None:
    error = CallError("GCP", "routers.patch of rt-west", fault, "because", wait=30.0)
    assert error.may_pass is (fault not in (Fault.REFUSED, Fault.UNAUTHENTICATED))
    assert error.wait == 30.0
