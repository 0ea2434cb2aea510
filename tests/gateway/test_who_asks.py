"""Whom the services take for the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.routes.settings import RoutesSettings
from tests.gateway.harness.client import ask
from tests.gateway.harness.serving import gateway, serving

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

TRUSTED = str(RoutesSettings.model_fields["routes_gateway_ips"].default)
FORGED = [("X-Forwarded-For", "192.0.2.66"), ("Forwarded", "for=192.0.2.66")]


class WhoAsked:
    """Answers with the address that a service sees."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["client"][0].encode()})


async def test_a_service_learns_who_asks_from_the_gateway_and_not_from_the_caller() -> None:
    async with (
        serving(WhoAsked(), lifespan="off", trusted_proxies=TRUSTED) as service,
        gateway(gateway_routes_url=f"http://127.0.0.1:{service}") as port,
    ):
        answer = await ask(port, "/api/v1/routes", headers=FORGED)
    assert answer.body == b"127.0.0.1"


@pytest.mark.parametrize(("trusted", "seen"), [(TRUSTED, b"192.0.2.66"), ("::1", b"127.0.0.1")])
async def test_a_service_believes_only_where_the_gateway_calls_from(
    trusted: str, seen: bytes
) -> None:
    async with serving(WhoAsked(), lifespan="off", trusted_proxies=trusted) as service:
        answer = await ask(service, "/api/v1/routes", headers=FORGED[:1])
    assert answer.body == seen
