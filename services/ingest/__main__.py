"""`python -m services.ingest`: the BMP station and its HTTP app."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from services.ingest.app import create_app, end_process
from services.ingest.collector import Collector
from services.ingest.connection import PEER_EVENTS
from services.ingest.settings import IngestSettings
from services.ingest.workers import SharedPort, Workers
from shared import log
from shared.cli.run import as_program
from shared.settings import load
from shared.web.serve import listen, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.app import Ingest

_BMP_PORT = "INGEST_BMP_PORT"
# Its requests are short, and routers wait for the end of the stop.
_FINISH_SECONDS = 2
_SESSION_NICE = Path("/proc/self/autogroup")
_TRIES = 10


@as_program
def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    settings = load(IngestSettings)
    log.configure("ingest", settings, report=PEER_EVENTS)
    _let_others_go_first(settings.ingest_nice)
    make, abort = _alone(settings) if settings.ingest_workers == 1 else _with_workers(settings)
    serve(
        create_app(make),
        settings.ingest_http_host,
        settings.ingest_http_port,
        variable="INGEST_HTTP_PORT",
        finish_seconds=_FINISH_SECONDS,
        abort=abort,
    )


def _let_others_go_first(nice: int) -> None:
    """For this process and its workers, which inherit it.

    Where Linux groups processes by session (sched(7), autogroup) a process's own niceness counts
    in its group alone, and the group's counts among the others. The group is ours to set where we
    are the first of it.
    """
    ours = os.nice(nice)
    if not nice or os.getsid(0) != os.getpid():
        return
    for _ in range(_TRIES):
        try:
            _SESSION_NICE.write_text(f"{ours}\n")
        except BlockingIOError:  # users together may change one in a tenth of a second
            time.sleep(0.1)
        except OSError:  # another kernel, or one that has no such groups
            return
        else:
            return


def _alone(settings: IngestSettings) -> tuple[Callable[[], Ingest], Callable[[], None]]:
    listener = listen(settings.ingest_bmp_host, settings.ingest_bmp_port, variable=_BMP_PORT)
    return lambda: Collector(settings, listener, on_failure=end_process), lambda: None


def _with_workers(settings: IngestSettings) -> tuple[Callable[[], Ingest], Callable[[], None]]:
    port = SharedPort(settings.ingest_bmp_host, settings.ingest_bmp_port, variable=_BMP_PORT)
    workers = Workers(settings.ingest_workers, port)
    return lambda: workers, workers.kill


if __name__ == "__main__":
    main()
