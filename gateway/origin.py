"""Which web pages may open a WebSocket.

A browser lets any page open one anywhere and says only, in `Origin`, where the page is from
(RFC 6455 section 10.2); so a page of another site could read along with whoever looks at it.
Other programs send no Origin, and could send any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.headers import values
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from starlette.types import Scope

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def check_origin(scope: Scope, allowed: str) -> None:
    """Returns for our own pages, those of `allowed` (with commas, or `*`), and other programs.

    Raises ProblemError 403 else. Ours are those of the host that was asked, whatever their
    scheme, since a proxy in front may have taken off the TLS.
    """
    origins = values(scope["headers"], b"origin")
    if not origins:
        return
    origin = origins[0].decode("latin-1").lower()
    (host,) = values(scope["headers"], b"host") or [b""]
    scheme, _, authority = origin.partition("://")
    default = _DEFAULT_PORTS.get(scheme, "")
    asked = host.decode("latin-1").lower().removesuffix(default)
    ours = bool(authority) and authority.removesuffix(default) == asked
    if len(origins) == 1 and (ours or {origin, "*"} & set(filter(None, allowed.split(",")))):
        return
    detail = f"pages of {origin} may not open WebSockets here; see GATEWAY_ALLOWED_ORIGINS"
    raise ProblemError(403, "origin-not-allowed", detail)
