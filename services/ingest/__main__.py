"""`python -m services.ingest`: the BMP station and its HTTP app."""

from __future__ import annotations

from services.ingest.app import create_app
from services.ingest.settings import IngestSettings
from shared import log
from shared.cli.run import as_program
from shared.settings import load
from shared.web.serve import listen, serve


@as_program
def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    settings = load(IngestSettings)
    log.configure("ingest", settings)
    listener = listen(
        settings.ingest_bmp_host, settings.ingest_bmp_port, variable="INGEST_BMP_PORT"
    )
    serve(
        create_app(settings, listener),
        settings.ingest_http_host,
        settings.ingest_http_port,
        variable="INGEST_HTTP_PORT",
    )


if __name__ == "__main__":
    main()
