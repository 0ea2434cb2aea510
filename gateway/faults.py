"""Why a request got no answer from a service, as problem documents that are told apart.

Each one names the service, its address and what a person can do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from gateway.upstreams import Upstream


def disabled(upstream: Upstream) -> ProblemError:
    """503: the settings name no address for the service."""
    detail = f"the {upstream.name} service is disabled; set {upstream.variable} to enable it"
    return ProblemError(503, "upstream-disabled", detail)


def no_answer(upstream: Upstream, error: httpx.TransportError) -> ProblemError:
    """The problem that an error before the first byte of an answer stands for."""
    service = f"the {upstream.name} service at {upstream.url}"
    match error:
        case httpx.ConnectTimeout():
            waited = f"{service} took no connection within {upstream.connect_seconds:g} s"
            detail = f"{waited}; check its load and that {upstream.variable} is right"
            return ProblemError(504, "upstream-timeout", detail)
        case httpx.PoolTimeout():
            detail = f"every connection to {service} is in use; ask again in a moment"
            return ProblemError(503, "upstream-busy", detail, headers={"Retry-After": "1"})
        case httpx.TimeoutException():
            waited = f"{service} was silent for {upstream.answer_seconds:g} s"
            detail = f"{waited}; ask for less, or raise GATEWAY_ANSWER_SECONDS"
            return ProblemError(504, "upstream-timeout", detail)
        case httpx.ConnectError():
            detail = (
                f"{service} cannot be reached; start it, or set {upstream.variable} "
                "to where it listens"
            )
            return ProblemError(502, "upstream-connect-failure", detail)
        case httpx.LocalProtocolError():
            return ProblemError(400, "malformed-request", f"this cannot be forwarded: {error}")
        case _:
            detail = f"{service} broke off before it answered; its log says why"
            return ProblemError(502, "upstream-broken", detail)
