"""The query service over a store that ingest fills."""

from tests.routes.conftest import api, ingest, migrated_url

__all__ = ["api", "ingest", "migrated_url"]
