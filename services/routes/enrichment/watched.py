"""A file of the operator: read when it changes, and what was read last goes on being used."""

from __future__ import annotations

import asyncio
import pickle
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import structlog

from services.routes.enrichment import metrics
from services.routes.enrichment.errors import FileError
from services.routes.enrichment.reading import files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sized
    from pathlib import Path

    from services.routes.enrichment.reading import Kind

    Signature = tuple[tuple[str, int, int, int, int], ...]

log = structlog.get_logger()

Content = TypeVar("Content", bound="Sized")

_READING_SECONDS = 120.0


class WatchedFile(Generic[Content]):
    """One file of one kind; `content` is None until it has been read once.

    Without a path there is nothing to read, and `content` stays None.
    """

    def __init__(
        self,
        kind: Kind,
        path: Path | None,
        clock: Callable[[], float] = time.time,
        read: Callable[[Kind, Path], Awaitable[Content]] | None = None,
    ) -> None:
        self.content: Content | None = None
        self.kind = kind
        self.path = path
        self._read = read or read_apart
        self._clock = clock
        self._tried: Signature | None = None
        self._written: float | None = None
        self._fault: str | None = None

    async def refresh(self) -> None:
        """Reads the file if it is another than last time.

        A file that is written while it is read, or in place and not done yet, is another at the
        next look.
        """
        if self.path is None:
            return
        try:
            signature = await asyncio.to_thread(_signature, self.path)
            if signature == self._tried:
                return
            self._tried = signature
            content = await self._read(self.kind, self.path)
            if signature != await asyncio.to_thread(_signature, self.path):
                self._tried = None
                return
        except OSError as error:
            self._tried = None
            self._failed(error.strerror or str(error))
        except FileError as error:
            self._failed(str(error))
        else:
            self._take(content, max(one[1] for one in signature) / 1e9)

    def status(self) -> dict[str, Any]:
        """For `/readyz`: what is in use, how old it is, and a warning where the file is no good."""
        status: dict[str, Any] = {"file": str(self.path)}
        if self.content is not None and self._written is not None:
            age = round(self._clock() - self._written, 1)
            status |= {"entries": len(self.content), "age_s": age}
        if self._fault is not None:
            used = "nothing" if self.content is None else "what was read before"
            status["warning"] = f"{self._fault}; {used} is in use"
        return status

    def _take(self, content: Content, written: float) -> None:
        self.content, self._written, self._fault = content, written, None
        metrics.READS.labels(self.kind, "read").inc()
        metrics.ENTRIES.labels(self.kind).set(len(content))
        metrics.AGE_SECONDS.labels(self.kind).set_function(lambda: self._clock() - written)
        log.info("file read", kind=self.kind, file=str(self.path), entries=len(content))

    def _failed(self, fault: str) -> None:
        metrics.READS.labels(self.kind, "failed").inc()
        if fault != self._fault:  # a file that is missing is looked for again and again
            log.warning("file not read", kind=self.kind, file=str(self.path), reason=fault)
        self._fault = fault


def _signature(path: Path) -> Signature:
    """Another one whenever the file, or one in the directory, was written or replaced."""
    found = []
    for one in files(path):
        stat = one.stat()
        found.append((one.name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size))
    if not found:
        raise FileError("the directory has no .txt files")
    return tuple(found)


async def read_apart(kind: Kind, path: Path) -> Any:  # noqa: ANN401 - each kind has its own
    """What a process of its own makes of the file.

    FileError where the file is no good, OSError where another attempt may go well.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "services.routes.enrichment.reading", kind, str(path)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,  # a Ctrl-C is for us, and we end it
    )
    try:
        async with asyncio.timeout(_READING_SECONDS):
            output, said = await process.communicate()
    except TimeoutError:
        raise TimeoutError(f"it is not read after {_READING_SECONDS:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    code = await process.wait()
    if code < 0:
        raise ChildProcessError(f"its reader was ended by signal {-code}")
    if code:
        lines = said.decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        raise FileError(last or "its reader did not say why")
    return pickle.loads(output)  # noqa: S301 - our own process wrote it
