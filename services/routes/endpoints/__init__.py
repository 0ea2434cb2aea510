"""HTTP handlers, a module for each subject."""

from services.routes.endpoints import asns, diff, evpn, history, inventory, live, routes, stats

# In this order: `/peers/diff` stands before `/peers/{peer_id}`.
ALL = [asns.api, diff.api, evpn.api, history.api, inventory.api, live.api, routes.api, stats.api]
