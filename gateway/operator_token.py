"""Who may change things: whoever shows the operator's token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from gateway.headers import Headers, values
from gateway.upstreams import READING
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from pydantic import SecretStr

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="bgpilot"'}


def authorise(method: str, headers: Headers, token: SecretStr) -> None:
    """Returns for a reading method, or where `Authorization: Bearer` shows the token (RFC 6750).

    Raises ProblemError: 403 where no token is set, 401 where another or none is shown.
    """
    if method in READING:
        return
    expected = token.get_secret_value().encode()
    if not expected:
        detail = f"{method} changes state, which is off until GATEWAY_OPERATOR_TOKEN is set"
        raise ProblemError(403, "operator-token-not-set", detail)
    shown = values(headers, b"authorization")
    if len(shown) != 1 or not _matches(shown[0], expected):
        detail = f"{method} changes state: send `Authorization: Bearer` with the operator's token"
        raise ProblemError(401, "operator-token-required", detail, headers=_CHALLENGE)


def _matches(shown: bytes, expected: bytes) -> bool:
    scheme, _, credentials = shown.partition(b" ")
    # compare_digest takes the same time wherever the first difference is.
    return scheme.lower() == b"bearer" and hmac.compare_digest(credentials.strip(), expected)
