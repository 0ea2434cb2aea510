"""switchovers that operators ask for, now or later: orders that end when they are carried out"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE failover.switchover (
    switchover_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_site text NOT NULL CHECK (from_site IN ('local', 'remote')),
    to_site text NOT NULL CHECK (to_site IN ('local', 'remote')),
    owner text NOT NULL,
    reason text NOT NULL,
    lifted_rules text[] NOT NULL DEFAULT '{}',
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    scheduled_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'done', 'failed', 'refused', 'expired', 'cancelled')),
    ended_at timestamptz,
    detail text,
    plan_id uuid,
    CHECK (from_site <> to_site),
    CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX one_switchover ON failover.switchover ((true)) WHERE state = 'pending';
"""


def upgrade() -> None:
    """Adds the table to schema `failover`."""
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
