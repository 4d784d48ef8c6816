"""The attributes that products may have."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE attributes (
            code text CONSTRAINT pk_attributes PRIMARY KEY,
            name text NOT NULL,
            type text NOT NULL
                CONSTRAINT ck_attributes_type_is_known CHECK (type IN ('text', 'number', 'boolean', 'choice')),
            unit text,
            choices text[] NOT NULL DEFAULT '{}',
            is_multiple boolean NOT NULL,
            category_id bigint CONSTRAINT fk_attributes_category_id REFERENCES categories (id),
            is_facet boolean NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ix_attributes_category_id ON attributes (category_id)
    """)


def downgrade() -> None:
    op.execute("DROP TABLE attributes")
