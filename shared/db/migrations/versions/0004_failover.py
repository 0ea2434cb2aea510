"""what the failover service decided, did and was told

Small tables: some rows for each switch, one for each decision. They are the same in every layout.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE SCHEMA failover;

-- Who acts. A row is never deleted, so that a generation is never given twice.
CREATE TABLE failover.lease (
    name text PRIMARY KEY,
    owner text NOT NULL,
    generation int8 NOT NULL,
    acquired_at timestamptz NOT NULL,
    renewed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- With the situation and the limits a decision can be made again.
CREATE TABLE failover.decision (
    decision_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    generation int8,
    state text NOT NULL,
    rule text NOT NULL,
    sentence text NOT NULL,
    target text CHECK (target IN ('local', 'remote')),
    is_alarm boolean NOT NULL,
    situation jsonb NOT NULL,
    limits jsonb NOT NULL,
    decision jsonb NOT NULL
);
CREATE INDEX decision_at ON failover.decision (at DESC);

-- A switch that nobody asked for has no asked_by: those are the flips.
CREATE TABLE failover.plan (
    plan_id uuid PRIMARY KEY,
    target text NOT NULL CHECK (target IN ('local', 'remote')),
    reason text NOT NULL,
    state text NOT NULL
        CHECK (state IN ('running', 'done', 'undone', 'resting', 'unconfirmed')),
    asked_by text,
    decision_id int8,
    generation int8 NOT NULL,
    begun_at timestamptz NOT NULL,
    ended_at timestamptz,
    detail text,
    alarm text,
    convergence_s float8,
    acknowledged_at timestamptz,
    acknowledged_by text,
    CHECK ((state = 'running') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX one_plan_runs ON failover.plan ((true)) WHERE state = 'running';
CREATE INDEX plan_begun_at ON failover.plan (begun_at DESC);

CREATE TABLE failover.plan_step (
    plan_id uuid NOT NULL REFERENCES failover.plan ON DELETE CASCADE,
    ordinal int2 NOT NULL,
    kind text NOT NULL,
    site text NOT NULL CHECK (site IN ('local', 'remote')),
    is_undo boolean NOT NULL,
    diff jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'begun', 'done', 'failed')),
    request_id text,
    requests jsonb NOT NULL DEFAULT '[]',
    generation int8 NOT NULL,
    begun_at timestamptz,
    ended_at timestamptz,
    detail text,
    evidence jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (plan_id, ordinal)
);

CREATE TABLE failover.override (
    override_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode text NOT NULL CHECK (mode IN ('local', 'remote', 'hold')),
    owner text NOT NULL,
    reason text NOT NULL,
    lifted_rules text[] NOT NULL DEFAULT '{}',
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text
);
CREATE UNIQUE INDEX one_override ON failover.override ((true)) WHERE ended_at IS NULL;

CREATE TABLE failover.pause (
    pause_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text NOT NULL,
    reason text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text
);
CREATE UNIQUE INDEX one_pause ON failover.pause ((true)) WHERE ended_at IS NULL;

CREATE TABLE failover.audit (
    audit_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL,
    action text NOT NULL,
    why text,
    before jsonb,
    after jsonb
);
CREATE INDEX audit_at ON failover.audit (at DESC);

-- What a command with an Idempotency-Key was answered; status is null while it is carried out.
CREATE TABLE failover.idempotency (
    who text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status int2,
    answer jsonb,
    PRIMARY KEY (who, key)
);
"""


def upgrade() -> None:
    """Makes schema `failover`."""
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
