"""The query service over a store that ingest fills."""

from tests.routes.conftest import api, ingest

__all__ = ["api", "ingest"]
