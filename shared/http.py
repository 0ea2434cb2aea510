"""HTTP clients of our own services: every call has a timeout, no call keeps a cookie."""

from __future__ import annotations

import functools
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import ssl


def client(
    *,
    connect_timeout: float,
    read_timeout: float | None,
    pool_timeout: float = 1.0,
    base_url: str = "",
    max_connections: int = 100,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """An httpx client whose timeouts (seconds) had to be thought about.

    `read_timeout=None` is for streams alone. Proxies of the environment are not used and
    redirects are not followed: we talk to addresses that the settings name. Cookies are refused,
    since one client serves many callers and would hand one caller's cookie to the next.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=httpx.Timeout(
            connect=connect_timeout,
            read=read_timeout,
            write=read_timeout if read_timeout is not None else 30.0,
            pool=pool_timeout,
        ),
        limits=httpx.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            # Below the services' keep-alive of 75 s, so that we close an idle connection first.
            keepalive_expiry=30.0,
        ),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
        verify=authorities(),
        transport=transport,
    )


@functools.cache
def authorities() -> ssl.SSLContext:
    """The certificate authorities, read once for all clients: that takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)
