"""HTTP handlers, a module for each subject."""

from services.routes.endpoints import asns, inventory, routes, stats

ALL = [asns.api, inventory.api, routes.api, stats.api]
