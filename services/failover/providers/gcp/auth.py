"""Tokens for GCP, over httpx.

A service account's key signs its own tokens, so nothing has to be asked on the way to a failover
(https://google.aip.dev/auth/4111). On a machine of GCP the metadata server gives them. All other
kinds of credentials are google-auth's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import orjson
from google.auth import crypt, exceptions, identity_pool, jwt
from google.auth.transport import Request, Response
from google.oauth2 import credentials as user

from services.failover.providers.faults import TokenError
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCOPES = (
    "https://www.googleapis.com/auth/compute",
    # For asking what we may do, and nothing else of it.
    "https://www.googleapis.com/auth/cloud-platform.read-only",
    "https://www.googleapis.com/auth/logging.write",
)
METADATA_HOST = "metadata.google.internal"
_TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - a path
_FETCHES_APART = timedelta(seconds=30)

Now: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and when it ends."""

    value: str
    expires: datetime

    def __repr__(self) -> str:
        return f"Token(expires={self.expires.isoformat()})"


Fetch: TypeAlias = Callable[[], Awaitable[Token]]
"""Gets a new token, or raises TokenError."""


class Tokens:
    """The current token. It is fetched once, however many ask, and early.

    While a new one cannot be had, the old one is used to its end, and asks are some time apart.
    """

    def __init__(self, fetch: Fetch, now: Now, *, early: timedelta = timedelta(minutes=5)) -> None:
        self._fetch = fetch
        self._now = now
        self._early = early
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._fails_until = datetime.min.replace(tzinfo=UTC)

    async def get(self) -> str:
        """One that is good now; raises TokenError."""
        if (held := self._usable()) is not None:
            return held.value
        async with self._lock:
            return (await self._current()).value

    async def renewed(self, refused: str) -> str:
        """One after this was refused, which the first of many that were refused fetches."""
        async with self._lock:
            if self._token is not None and self._token.value == refused:
                self._token = None
            return (await self._current()).value

    async def _current(self) -> Token:
        if (usable := self._usable()) is not None:
            return usable
        held = self._token
        try:
            self._token = await self._fetch()
        except TokenError:
            self._fails_until = self._now() + _FETCHES_APART
            if held is not None and self._lasts(held, timedelta()):
                return held
            raise
        return self._token

    def _usable(self) -> Token | None:
        """The token that is held, where there is no need for another, or no hope of one."""
        early = timedelta() if self._now() < self._fails_until else self._early
        return self._token if self._token and self._lasts(self._token, early) else None

    def _lasts(self, token: Token, beyond: timedelta) -> bool:
        return self._now() + beyond < token.expires


def from_file(
    path: Path | None, client: httpx.AsyncClient, now: Now, *, metadata_host: str = METADATA_HOST
) -> Fetch:
    """How tokens are got with these credentials; without, from the metadata server.

    Raises ConfigurationError: the file cannot be read or holds no credentials.
    """
    if path is None:
        return metadata_server(client, now, host=metadata_host)
    try:
        info = orjson.loads(path.read_bytes())
        kind = info["type"]
        return self_signed(info, now) if kind == "service_account" else other_kind(info)
    except OSError as error:
        why = error.strerror or type(error).__name__
    except (ValueError, KeyError, TypeError, exceptions.GoogleAuthError):
        # What they say may have the file's text in it, and that is a secret.
        why = "it does not hold credentials as GCP writes them"
    raise ConfigurationError(f"GOOGLE_APPLICATION_CREDENTIALS: {path} cannot be used: {why}")


def self_signed(info: Mapping[str, Any], now: Now) -> Fetch:
    """Tokens that a service account's key signs: good for an hour, made without the network."""
    signer = crypt.RSASigner.from_service_account_info(info)  # type: ignore[no-untyped-call]  # google-auth has no annotations
    email = info["client_email"]

    async def fetch() -> Token:
        issued = now()
        expires = issued + timedelta(hours=1)
        claims = {
            "iss": email,
            "sub": email,
            "scope": " ".join(SCOPES),
            "iat": int(issued.timestamp()),
            "exp": int(expires.timestamp()),
        }
        signed = await asyncio.to_thread(jwt.encode, signer, claims)
        return Token(signed.decode(), expires)

    return fetch


def metadata_server(client: httpx.AsyncClient, now: Now, *, host: str = METADATA_HOST) -> Fetch:
    """Tokens of the machine's own service account."""
    url = f"http://{host}{_TOKEN_PATH}"

    async def fetch() -> Token:
        try:
            response = await client.get(
                url,
                params={"scopes": ",".join(SCOPES)},
                headers={"metadata-flavor": "Google"},
                timeout=3.0,
            )
        except httpx.HTTPError as error:
            raise TokenError(
                f"the metadata server at {host} does not answer ({type(error).__name__}): outside "
                "of GCP, give a key in GOOGLE_APPLICATION_CREDENTIALS"
            ) from None
        if response.status_code != httpx.codes.OK:
            raise TokenError(
                f"the metadata server at {host} gives no token (status {response.status_code}): "
                "does the machine have a service account with the scope of the compute API?"
            )
        try:
            answer = orjson.loads(response.content)
            lasts = timedelta(seconds=int(answer["expires_in"]))
            return Token(_printable(answer["access_token"]), now() + lasts)
        except (ValueError, KeyError, TypeError, OverflowError):
            raise TokenError(f"what the metadata server at {host} gives is no token") from None

    return fetch


def _printable(token: object) -> str:
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise ValueError("a token is printable text")
    return token


def other_kind(info: Mapping[str, Any], transport: httpx.BaseTransport | None = None) -> Fetch:
    """Tokens that google-auth gets: for a workload's identity elsewhere, or for a person.

    Raises KeyError for a kind of credentials that is neither.
    """
    kinds: dict[str, Callable[..., Any]] = {
        "external_account": identity_pool.Credentials.from_info,
        "authorized_user": user.Credentials.from_authorized_user_info,
    }
    credentials = kinds[info["type"]](info, scopes=list(SCOPES))

    def refreshed() -> Token:
        with httpx.Client(timeout=10.0, trust_env=False, transport=transport) as client:
            credentials.refresh(_Requests(client))
        # Its times are UTC without saying so.
        expires = credentials.expiry or datetime.max  # noqa: DTZ901
        return Token(credentials.token, expires.replace(tzinfo=UTC))

    async def fetch() -> Token:
        try:
            return await asyncio.to_thread(refreshed)
        except exceptions.GoogleAuthError as error:
            raise TokenError(f"GCP gives no token: {type(error).__name__}") from None

    return fetch


class _Requests(Request):
    """HTTP for google-auth."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> Response:
        try:
            response = self._client.request(
                method, url, content=body, headers=headers, timeout=timeout or 10.0
            )
        except httpx.HTTPError as error:
            raise exceptions.TransportError(type(error).__name__) from error  # type: ignore[no-untyped-call]  # google-auth has no annotations
        return _Answer(response)


class _Answer(Response):
    """An answer as google-auth reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def data(self) -> bytes:
        return self._response.content
