"""Nothing that changes state is forwarded without the operator's token."""

from __future__ import annotations

import pytest

from gateway.upstreams import READING, Forward
from tests.gateway.harness.client import ask
from tests.gateway.harness.services import Recorder
from tests.gateway.harness.serving import gateway_before

PATH = "/api/v1/routes"
# A table with something to change, which a later service will bring.
TABLE = (Forward(PATH, "routes", READING | {"POST", "DELETE"}),)
CHANGES = ["POST", "DELETE"]
OTHERS = ["PUT", "PATCH", "TRACE", "PROPFIND"]


@pytest.mark.parametrize("method", CHANGES)
async def test_a_change_is_403_while_no_token_is_set(method: str) -> None:
    service = Recorder()
    async with gateway_before(service, table=TABLE) as port:
        answer = await ask(port, PATH, method, [("Authorization", "Bearer ")])
    assert answer.problem["status"] == 403
    assert "GATEWAY_OPERATOR_TOKEN" in answer.problem["detail"]
    assert not service.seen


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize(
    "shown",
    [
        [],
        ["Bearer wrong"],
        ["Bearer secret-token-x"],
        ["Bearer secret"],
        ["Bearer"],
        ["secret-token"],
        ["Basic secret-token"],
        ["Bearer secret-token", "Bearer secret-token"],
        ["Bearer s\xe9cret-token"],
    ],
)
async def test_a_change_with_another_token_or_none_is_401(method: str, shown: list[str]) -> None:
    service = Recorder()
    headers = [("Authorization", value) for value in shown]
    async with gateway_before(service, table=TABLE, gateway_operator_token="secret-token") as port:
        answer = await ask(port, PATH, method, headers)
    assert answer.problem["status"] == 401
    assert answer.header("www-authenticate").startswith("Bearer ")
    assert not service.seen


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_change_with_the_token_is_forwarded_and_the_token_is_not(scheme: str) -> None:
    service = Recorder()
    headers = [("Authorization", f"{scheme} secret-token")]
    async with gateway_before(service, table=TABLE, gateway_operator_token="secret-token") as port:
        assert (await ask(port, PATH, "POST", headers, body=b"{}")).status == 200
    assert (service.last.method, service.last.body) == ("POST", b"{}")
    assert "authorization" not in service.last.names


@pytest.mark.parametrize("method", sorted(READING))
async def test_reading_needs_no_token(method: str) -> None:
    async with gateway_before(Recorder(), gateway_operator_token="secret-token") as port:
        assert (await ask(port, PATH, method)).status in {200, 204}


@pytest.mark.parametrize("method", CHANGES + OTHERS)
@pytest.mark.parametrize("token", ["", "secret-token"])
@pytest.mark.parametrize("shown", [[], [("Authorization", "Bearer secret-token")]])
async def test_a_method_that_the_table_does_not_name_is_405_whatever_the_token(
    method: str, token: str, shown: list[tuple[str, str]]
) -> None:
    service = Recorder()
    async with gateway_before(service, gateway_operator_token=token) as port:
        answer = await ask(port, PATH, method, shown)
    assert answer.problem["status"] == 405
    assert answer.header("allow") == "GET, HEAD, OPTIONS"
    assert not service.seen
