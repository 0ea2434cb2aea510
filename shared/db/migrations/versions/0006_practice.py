"""practice runs, and plans that somebody wants to be stopped"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE failover.plan
    ADD COLUMN aborted_at timestamptz,
    ADD COLUMN aborted_by text,
    ADD COLUMN abort_reason text,
    ADD CHECK ((aborted_at IS NULL) = (aborted_by IS NULL));

-- Whichever process comes first at a time of the schedule, its row is the only one.
-- An outcome before the end says what it will be, whatever else comes of it.
CREATE TABLE failover.practice (
    practice_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode text NOT NULL CHECK (mode IN ('dry', 'real')),
    owner text NOT NULL,
    reason text NOT NULL,
    scheduled_for timestamptz UNIQUE,
    stay_s float8 NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'out', 'stay', 'back', 'ended')),
    home text CHECK (home IN ('local', 'remote')),
    begun_at timestamptz,
    back_at timestamptz,
    ended_at timestamptz,
    outcome text
        CHECK (outcome IN ('succeeded', 'failed', 'interrupted', 'refused', 'expired')),
    detail text NOT NULL DEFAULT '',
    out_decision_id int8,
    back_decision_id int8,
    steps jsonb,
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK (state <> 'ended' OR outcome IS NOT NULL)
);
CREATE UNIQUE INDEX one_practice ON failover.practice ((true)) WHERE state <> 'ended';
"""


def upgrade() -> None:
    """Adds the table and the columns to schema `failover`."""
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
