"""Tokens: signed by ourselves, from the metadata server, from google-auth."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
import respx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from services.failover.providers.faults import TokenError
from services.failover.providers.gcp.auth import (
    SCOPES,
    Fetch,
    Token,
    Tokens,
    from_file,
    metadata_server,
    other_kind,
)
from shared.errors import ConfigurationError
from tests.failover.providers.gcp.harness import Clock

if TYPE_CHECKING:
    from pathlib import Path

METADATA = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
)


class Source:
    """Gives tokens that last for an hour, as often as it is asked, or none."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fetched = 0
        self.works = True
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Token:
        self.fetched += 1
        await self.gate.wait()
        if not self.works:
            raise TokenError("none today")
        return Token(f"token-{self.fetched}", self.clock.now() + timedelta(hours=1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(clock: Clock) -> Source:
    return Source(clock)


@pytest.fixture
def tokens(source: Source, clock: Clock) -> Tokens:
    return Tokens(source, clock.now)


async def test_a_token_is_used_until_five_minutes_before_its_end(
    tokens: Tokens, clock: Clock
) -> None:
    assert await tokens.get() == "token-1"
    clock.seconds += 54 * 60
    assert await tokens.get() == "token-1"
    clock.seconds += 2 * 60
    assert await tokens.get() == "token-2"


async def test_many_who_ask_at_once_cause_one_fetch(tokens: Tokens, source: Source) -> None:
    source.gate.clear()
    asking = [asyncio.create_task(tokens.get()) for _ in range(20)]
    await asyncio.sleep(0)
    source.gate.set()
    assert set(await asyncio.gather(*asking)) == {"token-1"}
    assert source.fetched == 1


async def test_the_old_token_is_used_to_its_end_while_there_is_no_new_one(
    tokens: Tokens, source: Source, clock: Clock
) -> None:
    await tokens.get()
    source.works = False
    clock.seconds += 59 * 60
    assert await tokens.get() == "token-1"
    clock.seconds += 29
    assert await tokens.get() == "token-1"
    assert source.fetched == 2  # the second try is not yet due
    clock.seconds += 31
    with pytest.raises(TokenError):
        await tokens.get()


async def test_many_whose_token_was_refused_cause_one_fetch(tokens: Tokens, source: Source) -> None:
    refused = await tokens.get()
    assert set(await asyncio.gather(*(tokens.renewed(refused) for _ in range(9)))) == {"token-2"}
    assert source.fetched == 2


def test_a_token_does_not_show_itself(clock: Clock) -> None:
    assert "abc" not in repr(Token("abc", clock.now()))


# ---- a service account's key


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def key_file(key: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    info = {
        "type": "service_account",
        "private_key_id": "id1",
        "private_key": pem.decode(),
        "client_email": "sa@p.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path.write_bytes(orjson.dumps(info))
    return path


async def test_a_key_signs_its_own_tokens_without_the_network(
    key: rsa.RSAPrivateKey, key_file: Path, clock: Clock
) -> None:
    with respx.mock:
        async with httpx.AsyncClient() as client:
            token = await from_file(key_file, client, clock.now)()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims: dict[str, Any] = jwt.decode(token.value, verify=False)
    issued = int(clock.now().timestamp())
    assert claims == {
        "iss": "sa@p.iam.gserviceaccount.com",
        "sub": "sa@p.iam.gserviceaccount.com",
        "scope": " ".join(SCOPES),
        "iat": issued,
        "exp": issued + 3600,
    }
    assert jwt.decode_header(token.value) == {"typ": "JWT", "alg": "RS256", "kid": "id1"}
    signed, signature = token.value.rsplit(".", 1)
    verified = jwt.crypt.RSAVerifier.from_string(public).verify(
        signed.encode(), jwt._helpers.padded_urlsafe_b64decode(signature)
    )
    assert verified
    assert token.expires == clock.now() + timedelta(hours=1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"type": "service_account", "private_key": "sesame"}',
        b'{"type": "x"}',
    ],
)
async def test_a_file_without_credentials_is_one_sentence_without_its_text(
    content: bytes, tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    async with httpx.AsyncClient() as client:
        with pytest.raises(ConfigurationError, match="GOOGLE_APPLICATION_CREDENTIALS") as failed:
            from_file(path, client, clock.now)
    assert "sesame" not in str(failed.value)


async def test_a_file_that_is_not_there_is_named(tmp_path: Path, clock: Clock) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(ConfigurationError, match=r"nowhere\.json cannot be used: No such file"):
            from_file(tmp_path / "nowhere.json", client, clock.now)


# ---- the metadata server


async def fetched(clock: Clock) -> Token:
    async with httpx.AsyncClient() as client:
        fetch: Fetch = metadata_server(client, clock.now)
        return await fetch()


@respx.mock
async def test_a_machine_of_gcp_has_a_token(clock: Clock) -> None:
    route = respx.get(METADATA).respond(json={"access_token": "t", "expires_in": 599})
    assert await fetched(clock) == Token("t", clock.now() + timedelta(seconds=599))
    assert route.calls.last.request.headers["metadata-flavor"] == "Google"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (httpx.ConnectError("no route"), "does not answer"),
        (httpx.ReadTimeout("slow"), "does not answer"),
        (httpx.Response(404), "does the machine have a service account"),
        (httpx.Response(200, text="<html>"), "is no token"),
        (httpx.Response(200, json={"access_token": "t"}), "is no token"),
    ],
    ids=str,
)
@respx.mock
async def test_a_machine_without_a_token_says_why(
    clock: Clock, answer: object, complaint: str
) -> None:
    respx.get(METADATA).mock(side_effect=[answer])
    with pytest.raises(TokenError, match=complaint):
        await fetched(clock)


# ---- all else


USER = {
    "type": "authorized_user",
    "client_id": "c",
    "client_secret": "s",
    "refresh_token": "r",
}


async def test_other_credentials_are_google_auth_s_over_our_http() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == "https://oauth2.googleapis.com/token"
        assert b"refresh_token=r" in request.content
        return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})

    token = await other_kind(USER, httpx.MockTransport(answer))()
    assert token.value == "t"
    assert token.expires.tzinfo is not None


async def test_a_workload_elsewhere_exchanges_its_own_token(tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("mine")
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(tmp_path / "subject")},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == "https://sts.googleapis.com/v1/token"
        assert b"subject_token=mine" in request.content
        exchanged = {"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}
        return httpx.Response(200, json={**exchanged, "issued_token_type": "x"})

    assert (await other_kind(info, httpx.MockTransport(answer))()).value == "t"


async def test_other_credentials_that_are_refused_give_no_token() -> None:
    refusing = httpx.MockTransport(
        lambda _: httpx.Response(400, json={"error": "invalid_grant", "x": "sesame"})
    )
    with pytest.raises(TokenError, match="GCP gives no token: RefreshError") as failed:
        await other_kind(USER, refusing)()
    assert "sesame" not in str(failed.value)
