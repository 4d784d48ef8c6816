"""Users, and the ids of those that were deleted."""

from alembic import op

revision = "0001"
down_revision = None

USERS = """
CREATE TABLE users (
    id text CONSTRAINT pk_users PRIMARY KEY,
    email text CONSTRAINT uq_users_email UNIQUE DEFERRABLE,
    awaited_email text,
    account_version bigint NOT NULL DEFAULT 0,
    display_name text,
    first_name text,
    last_name text,
    phone_number text,
    address jsonb,
    preferences jsonb,
    avatar text,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_users_awaited_email ON users (awaited_email);
CREATE TABLE deleted_users (
    id text CONSTRAINT pk_deleted_users PRIMARY KEY,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE erasures (
    user_id text,
    service text,
    erased_at timestamptz NOT NULL,
    CONSTRAINT pk_erasures PRIMARY KEY (user_id, service)
);
"""

OUTBOX = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    refused_at timestamptz,
    refusal text
);
CREATE INDEX ix_outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('outbox', ''); RETURN NULL; END $$;
CREATE TRIGGER outbox_appended AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
"""

INBOX = """
CREATE TABLE inbox (
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, consumer)
);
CREATE INDEX ix_inbox_handled_at ON inbox (handled_at);
"""

IDEMPOTENCY = """
CREATE TABLE idempotency (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    attempt bigint NOT NULL,
    claimed_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    status int,
    headers jsonb,
    body bytea,
    PRIMARY KEY (scope, key)
);
CREATE INDEX ix_idempotency_claimed_at ON idempotency (claimed_at);
"""


def upgrade() -> None:
    for statements in (USERS, OUTBOX, INBOX, IDEMPOTENCY):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP TABLE idempotency, inbox, outbox, erasures, deleted_users, users")
    op.execute("DROP FUNCTION outbox_notify")
