"""The services' readiness as the gateway's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from shared.web.health import Check, NotReady

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.upstreams import Upstream


def checks(services: Mapping[str, Upstream]) -> dict[str, Check]:
    """One check for each service."""
    return {name: _check(upstream) for name, upstream in services.items()}


def _check(upstream: Upstream) -> Check:
    async def check() -> Mapping[str, Any]:
        if not upstream.enabled:
            return {"status": "disabled", "reason": f"{upstream.variable} is empty"}
        try:
            response = await upstream.probe("/readyz")
        except httpx.TimeoutException as error:
            raise NotReady("it does not answer in time", url=upstream.url) from error
        except httpx.TransportError as error:
            raise NotReady("it cannot be reached", url=upstream.url) from error
        details = {"url": upstream.url, "checks": _checks_of(response)}
        if response.status_code != httpx.codes.OK:
            raise NotReady(f"it answers {response.status_code}", **details)
        return details

    return check


def _checks_of(response: httpx.Response) -> Any:  # noqa: ANN401 - whatever the service says
    try:
        body = response.json()
    except ValueError:
        return None
    return body.get("checks") if isinstance(body, dict) else None
