"""HTTP handlers, a module for each subject."""

from services.routes.endpoints import inventory, routes

ALL = [inventory.api, routes.api]
