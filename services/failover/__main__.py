"""`python -m services.failover`: the failover service."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from services.failover.app import create_app
from services.failover.settings import FailoverSettings
from shared import log
from shared.cli.run import as_program
from shared.errors import ConfigurationError
from shared.settings import load
from shared.web.serve import serve

if TYPE_CHECKING:
    from pathlib import Path


@as_program
def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    settings = load(FailoverSettings)
    log.configure("failover", settings)
    if settings.log_file is not None:
        log_to(settings.log_file, settings)
    serve(
        create_app(settings),
        settings.failover_http_host,
        settings.failover_http_port,
        variable="FAILOVER_HTTP_PORT",
        trusted_proxies=settings.failover_gateway_ips,
    )


def log_to(path: Path, settings: FailoverSettings) -> None:
    """The same lines in a file as well, which is put aside when it is full."""
    root = logging.getLogger()
    try:
        handler = RotatingFileHandler(
            path, maxBytes=settings.log_max_bytes, backupCount=settings.log_backup_count
        )
    except OSError as error:
        raise ConfigurationError(
            f"LOG_FILE: {path} cannot be written: {error.strerror}; write where it can be"
        ) from error
    handler.setFormatter(root.handlers[0].formatter)
    root.addHandler(handler)


if __name__ == "__main__":
    main()
