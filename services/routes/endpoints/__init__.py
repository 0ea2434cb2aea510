"""HTTP handlers, a module for each subject."""

from services.routes.endpoints import asns, inventory, live, routes, stats

ALL = [asns.api, inventory.api, live.api, routes.api, stats.api]
