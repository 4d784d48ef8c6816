"""Payments, refunds, webhooks, and the book of the local provider."""

from alembic import op

revision = "0001"
down_revision = None

PAYMENTS = """
CREATE TABLE payments (
    id uuid CONSTRAINT pk_payments PRIMARY KEY,
    order_id bigint NOT NULL,
    user_id text NOT NULL,
    amount numeric(15, 3) NOT NULL CONSTRAINT ck_payments_amount_above_zero CHECK (amount > 0),
    currency text NOT NULL DEFAULT 'JPY',
    payment_method text NOT NULL,
    status text NOT NULL,
    provider text NOT NULL,
    stage text NOT NULL,
    goal text NOT NULL,
    unsettled_step text,
    next_check_at timestamptz,
    checks bigint NOT NULL DEFAULT 0,
    captured_amount numeric(15, 3) NOT NULL DEFAULT 0,
    refunded_amount numeric(15, 3) NOT NULL DEFAULT 0,
    external_payment_id text CONSTRAINT uq_payments_external_payment_id UNIQUE,
    payment_intent_id text,
    payment_details jsonb,
    action_url text,
    failure_reason text,
    processed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_payments_captured_within_amount CHECK (captured_amount BETWEEN 0 AND amount),
    CONSTRAINT ck_payments_refunded_within_captured CHECK (refunded_amount BETWEEN 0 AND captured_amount)
);
CREATE INDEX ix_payments_user_id_created_at ON payments (user_id, created_at);
CREATE INDEX ix_payments_due ON payments (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE TABLE refunds (
    id uuid CONSTRAINT pk_refunds PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT fk_refunds_payment_id_payments REFERENCES payments (id),
    amount numeric(15, 3) NOT NULL CONSTRAINT ck_refunds_amount_above_zero CHECK (amount > 0),
    reason text NOT NULL,
    status text NOT NULL,
    external_refund_id text CONSTRAINT uq_refunds_external_refund_id UNIQUE,
    failure_reason text,
    next_check_at timestamptz,
    checks bigint NOT NULL DEFAULT 0,
    processed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_refunds_payment_id ON refunds (payment_id);
CREATE INDEX ix_refunds_due ON refunds (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE TABLE given_up (id uuid CONSTRAINT pk_given_up PRIMARY KEY);
CREATE TABLE webhooks (
    provider text,
    event_id text,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_webhooks PRIMARY KEY (provider, event_id)
);
CREATE INDEX ix_webhooks_received_at ON webhooks (received_at);
CREATE TABLE local_charges (
    id text CONSTRAINT pk_local_charges PRIMARY KEY,
    amount numeric(15, 3) NOT NULL,
    method text NOT NULL,
    stage text NOT NULL,
    confirms bigint NOT NULL DEFAULT 0,
    refunded numeric(15, 3) NOT NULL DEFAULT 0,
    refunds jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE erased_users (
    id text CONSTRAINT pk_erased_users PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT now()
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
CREATE INDEX ix_outbox_personal ON outbox (key) WHERE topic IN ('auth.v1', 'profile.v1');
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


def upgrade() -> None:
    for statements in (PAYMENTS, OUTBOX, INBOX):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP TABLE inbox, outbox, erased_users, local_charges, webhooks, given_up, refunds, payments")
    op.execute("DROP FUNCTION outbox_notify")
