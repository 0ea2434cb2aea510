"""`python -m services.ingest`: the BMP station and its HTTP app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.app import create_app, end_process
from services.ingest.collector import Collector
from services.ingest.router import PEER_EVENTS
from services.ingest.settings import IngestSettings
from services.ingest.workers import SharedPort, Workers
from shared import log
from shared.cli.run import as_program
from shared.settings import load
from shared.turns import let_others_go_first
from shared.web.serve import listen, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.app import Ingest

_BMP_PORT = "INGEST_BMP_PORT"
# Its requests are short, and routers wait for the end of the stop.
_FINISH_SECONDS = 2


@as_program
def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    settings = load(IngestSettings)
    log.configure("ingest", settings, report=PEER_EVENTS)
    let_others_go_first(settings.ingest_nice)
    make, abort = _alone(settings) if settings.ingest_workers == 1 else _with_workers(settings)
    serve(
        create_app(make),
        settings.ingest_http_host,
        settings.ingest_http_port,
        variable="INGEST_HTTP_PORT",
        finish_seconds=_FINISH_SECONDS,
        abort=abort,
    )


def _alone(settings: IngestSettings) -> tuple[Callable[[], Ingest], Callable[[], None]]:
    listener = listen(settings.ingest_bmp_host, settings.ingest_bmp_port, variable=_BMP_PORT)
    return lambda: Collector(settings, listener, on_failure=end_process), lambda: None


def _with_workers(settings: IngestSettings) -> tuple[Callable[[], Ingest], Callable[[], None]]:
    port = SharedPort(settings.ingest_bmp_host, settings.ingest_bmp_port, variable=_BMP_PORT)
    workers = Workers(settings.ingest_workers, port)
    return lambda: workers, workers.kill


if __name__ == "__main__":
    main()
