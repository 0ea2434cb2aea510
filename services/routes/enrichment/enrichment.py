"""What the operator's files say of a route, for as long as the service runs."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import structlog

from services.routes.enrichment.watched import WatchedFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from services.routes.enrichment.as_names import AsNames
    from services.routes.enrichment.communities import CommunityTexts
    from services.routes.enrichment.vrp_table import RpkiState, VrpTable
    from services.routes.settings import RoutesSettings

log = structlog.get_logger()

_FIRST_LOOK_SECONDS = 20.0


class Enrichment:
    """Look-ups that never wait; each gives None where there is no file that could tell."""

    def __init__(self, settings: RoutesSettings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seconds = settings.routes_files_seconds
        self._vrps: WatchedFile[VrpTable] = WatchedFile("vrps", settings.routes_vrps_file, clock)
        self._names: WatchedFile[AsNames] = WatchedFile("as_names", settings.routes_as_names_file)
        self._texts: WatchedFile[CommunityTexts] = WatchedFile(
            "communities", settings.routes_communities_file
        )
        files: list[WatchedFile[Any]] = [self._vrps, self._names, self._texts]
        self._files = [one for one in files if one.path is not None]

    def rpki_state(self, prefix: str, origin_asn: int | None) -> RpkiState | None:
        """RFC 6811 for a route to this prefix; `origin_asn` None: its path ends in an AS_SET."""
        table = self._vrps.content
        return None if table is None else table.state(prefix, origin_asn, self._clock())

    def as_name(self, asn: int) -> str | None:
        """The AS's name."""
        return None if self._names.content is None else self._names.content.get(asn)

    def community_text(self, community: str) -> str | None:
        """What a community says, written as answers have it: `65000:1`, `rt:65000:1`."""
        return None if self._texts.content is None else self._texts.content.text(community)

    async def refresh(self) -> None:
        """Looks at every file once, and reads those that changed."""
        # A gathering that is cancelled does not wait until all of its readers are gone.
        async with asyncio.TaskGroup() as looks:
            for one in self._files:
                looks.create_task(one.refresh())

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """The files are read, and read again when they change, within this context."""
        looked = asyncio.Event()
        watch = asyncio.create_task(self._watch(looked))
        with suppress(TimeoutError):  # a file that takes longer must not keep the service away
            await asyncio.wait_for(looked.wait(), _FIRST_LOOK_SECONDS)
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    async def _watch(self, looked: asyncio.Event) -> None:
        while True:
            try:
                await self.refresh()
            except Exception:
                log.exception("files could not be looked at")
            looked.set()
            await asyncio.sleep(self._seconds)

    async def status(self) -> dict[str, Any]:
        """A check for `/readyz` that always holds: routes are answered without these files too."""
        found: dict[str, Any] = {one.kind: one.status() for one in self._files}
        return found or {"status": "disabled"}
