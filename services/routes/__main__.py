"""`python -m services.routes`: the route query service."""

from __future__ import annotations

from services.routes.app import create_app
from services.routes.settings import RoutesSettings
from shared import log
from shared.cli.run import as_program
from shared.settings import load
from shared.turns import take_short_turns
from shared.web.serve import serve


@as_program
def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    settings = load(RoutesSettings)
    log.configure("routes", settings)
    take_short_turns()
    app = create_app(settings)
    serve(
        app,
        settings.routes_http_host,
        settings.routes_http_port,
        variable="ROUTES_HTTP_PORT",
        trusted_proxies=settings.routes_gateway_ips,
        on_stop=app.state.live.end,
    )


if __name__ == "__main__":
    main()
