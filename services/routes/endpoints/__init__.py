"""HTTP handlers, a module for each subject."""

from services.routes.endpoints import asns, history, inventory, live, routes, stats

ALL = [asns.api, history.api, inventory.api, live.api, routes.api, stats.api]
