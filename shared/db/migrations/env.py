"""Alembic's entry: it migrates over the connection that `shared.db.migrate` hands it."""

from __future__ import annotations

from alembic import context

conn = context.config.attributes["connection"]
context.configure(connection=conn, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
