"""`python -m gateway`: serves the gateway until it is told to stop."""

from __future__ import annotations

import structlog

from gateway.app import create_app
from gateway.settings import GatewaySettings
from gateway.upstreams import TABLE
from shared import log
from shared.cli.run import as_program
from shared.settings import load
from shared.turns import take_short_turns
from shared.web.serve import serve


@as_program
def main() -> None:
    """Exit code 0 after SIGINT or SIGTERM."""
    settings = load(GatewaySettings)
    log.configure("gateway", settings)
    take_short_turns()
    structlog.get_logger(__name__).info(
        "gateway starts",
        url=f"http://{settings.gateway_http_host}:{settings.gateway_http_port}",
        **{each.service: settings.service_url(each.service) or "disabled" for each in TABLE},
    )
    serve(
        create_app(settings),
        settings.gateway_http_host,
        settings.gateway_http_port,
        variable="GATEWAY_HTTP_PORT",
        trusted_proxies=settings.forwarded_allow_ips,
    )


if __name__ == "__main__":
    main()
