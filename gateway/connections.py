"""Connections to one service, kept for the next request: aiohttp's, as a transport of httpx.

httpx's own took 40 % of the gateway's time (docs/decisions/0011-connections-to-services.md).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
from yarl import URL

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterator

_KEPT_SECONDS = 30.0
"""Below the services' keep-alive of 75 s, so that we close an idle connection first."""

_MAX_LINE_BYTES = 100 * 1024
# What aiohttp would add by itself; a client's own go on as they are.
_NOT_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

# The first that fits.
_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (TimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientOSError, httpx.ReadError),
    (aiohttp.InvalidURL, httpx.LocalProtocolError),
    (aiohttp.ClientError, httpx.RemoteProtocolError),
    (ValueError, httpx.LocalProtocolError),
)


class Connections(httpx.AsyncBaseTransport):
    """At most so many connections to `url`, made within a running event loop.

    The timeouts of each request are those of its extension `timeout`, as httpx names them; what it
    asks for is its extension `target`.
    """

    def __init__(self, url: httpx.URL, most: int, authorities: ssl.SSLContext) -> None:
        self._origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        self._free = asyncio.Semaphore(most)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEPT_SECONDS, ssl=authorities
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_NOT_OURS,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
        )
        # It would repeat a PUT whose connection is lost, unseen: what is repeated is the proxy's.
        self._session._retry_connection = False  # noqa: SLF001

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer up to its headers; whoever reads it closes it."""
        timeouts = request.extensions["timeout"]
        try:
            async with asyncio.timeout(timeouts["pool"]):
                await self._free.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection is free") from None
        sending = _Sending(request.stream, timeouts)
        try:
            with _translated(sending):
                answer = await self._ask(request, sending, timeouts)
        except BaseException:
            self._free.release()
            raise
        body = _Body(answer, sending, timeouts, self._free.release)
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=body)

    async def aclose(self) -> None:
        """Closes all of them."""
        await self._session.close()

    async def _ask(
        self, request: httpx.Request, sending: _Sending, timeouts: dict[str, float]
    ) -> aiohttp.ClientResponse:
        has_body = not isinstance(request.stream, httpx.ByteStream)
        async with sending.until_answered(timeouts["connect"] + timeouts["read"]):
            return await self._session.request(
                request.method,
                URL(self._origin + request.extensions["target"].decode("ascii"), encoded=True),
                headers=list(_texts(request, is_framed=not has_body)),
                data=sending if has_body else request.read() or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=timeouts["connect"]),
            )


def _texts(request: httpx.Request, *, is_framed: bool) -> Iterator[tuple[str, str]]:
    """The headers as aiohttp writes them, in UTF-8; chunks are its own to announce."""
    for name, value in request.headers.raw:
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            header = name.decode("ascii")
            raise httpx.LocalProtocolError(f"the header {header} is not UTF-8") from None
        if is_framed or name != b"transfer-encoding":
            yield name.decode("ascii"), text


class _Sending:
    """A request's body on its way, and how long the service may be silent until it answers.

    That it waits for the client is not the service's fault, and does not count.
    """

    def __init__(self, stream: Any, timeouts: dict[str, float]) -> None:  # noqa: ANN401 - httpx's
        self._stream = stream
        self._timeouts = timeouts
        self._limit: asyncio.Timeout | None = None
        self.error: Exception | None = None
        """Why there is no more of the body; aiohttp hides it behind one of its own."""

    @contextlib.asynccontextmanager
    async def until_answered(self, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds) as self._limit:
                yield
        finally:
            self._limit = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            self._allow(None)
            async for chunk in self._stream:
                self._allow(self._timeouts["write"])
                yield chunk
                self._allow(None)
            self._allow(self._timeouts["read"])
        except Exception as error:
            self.error = error
            raise

    def _allow(self, seconds: float | None) -> None:
        if self._limit is not None and not self._limit.expired():
            now = asyncio.get_running_loop().time()
            self._limit.reschedule(None if seconds is None else now + seconds)


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes. The timeouts may be changed while it does."""

    def __init__(
        self,
        answer: aiohttp.ClientResponse,
        sending: _Sending,
        timeouts: dict[str, float],
        give_back: Callable[[], None],
    ) -> None:
        self._answer = answer
        self._sending = sending
        self._timeouts = timeouts
        self._give_back: Callable[[], None] | None = give_back

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._sending):
            while chunk := await self._next():
                yield chunk

    async def _next(self) -> bytes:
        async with asyncio.timeout(self._timeouts["read"]):
            return await self._answer.content.readany()

    async def aclose(self) -> None:
        self._answer.close()  # the connection too, unless the answer has been read to its end
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


@contextlib.contextmanager
def _translated(sending: _Sending) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if sending.error is not None:
            raise sending.error from None
        for kind, ours in _ERRORS:
            if isinstance(error, kind):
                raise ours(str(error)) from error
        raise
