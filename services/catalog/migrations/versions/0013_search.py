"""What search finds products by, its words, and the products that it has not seen yet."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE search_documents (
            product_id bigint CONSTRAINT pk_search_documents PRIMARY KEY,
            group_id bigint NOT NULL,
            leaf bigint NOT NULL,
            category_ids bigint[] NOT NULL,
            price double precision NOT NULL,
            offer_price double precision,
            offer_starts_at timestamptz,
            offer_ends_at timestamptz,
            rating double precision NOT NULL,
            rating_count bigint NOT NULL,
            in_stock boolean NOT NULL,
            created_at timestamptz NOT NULL,
            digest bigint NOT NULL,
            brand text,
            attribute_values text[] NOT NULL,
            terms tsvector NOT NULL,
            mentioned tsvector
        ) WITH (fillfactor = 80);
        CREATE INDEX ix_search_documents_terms ON search_documents USING gin (terms);
        CREATE INDEX ix_search_documents_mentioned ON search_documents USING gin (mentioned);
        CREATE INDEX ix_search_documents_category_ids ON search_documents USING gin (category_ids);
        CREATE INDEX ix_search_documents_variants ON search_documents (group_id) WHERE group_id <> product_id;
        CREATE TABLE search_words (
            key text CONSTRAINT pk_search_words PRIMARY KEY,
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT uq_search_words_id UNIQUE,
            reading text NOT NULL,
            surface text NOT NULL,
            heads bigint NOT NULL,
            count bigint NOT NULL
        );
        CREATE TABLE search_state (
            is_one boolean DEFAULT true CONSTRAINT pk_search_state PRIMARY KEY
                CONSTRAINT ck_search_state_is_one CHECK (is_one),
            documents bigint NOT NULL DEFAULT 0,
            counted_at timestamptz
        );
        INSERT INTO search_state DEFAULT VALUES;
        CREATE TABLE search_changes (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_search_changes PRIMARY KEY,
            product_id bigint NOT NULL
        )
    """)
    op.execute("""
        CREATE FUNCTION search_products_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO search_changes (product_id) SELECT id FROM added
            UNION SELECT parent_id FROM added WHERE parent_id IS NOT NULL;
            RETURN NULL;
        END $$;
        CREATE FUNCTION search_products_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO search_changes (product_id)
            SELECT unnest(CASE WHEN was.parent_id IS DISTINCT FROM now.parent_id
                THEN array_remove(ARRAY[now.id, was.parent_id, now.parent_id], NULL) ELSE ARRAY[now.id] END)
            FROM was JOIN now USING (id)
            WHERE was.product_version <> now.product_version OR was.offer_version <> now.offer_version
                OR (was.stock > 0) <> (now.stock > 0);
            RETURN NULL;
        END $$;
        CREATE FUNCTION search_products_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO search_changes (product_id) SELECT id FROM gone
            UNION SELECT parent_id FROM gone WHERE parent_id IS NOT NULL;
            RETURN NULL;
        END $$;
        CREATE FUNCTION search_categories_changed() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE ids bigint[]; BEGIN
            WITH RECURSIVE below AS (
                SELECT now.id FROM was JOIN now USING (id)
                WHERE (was.name, was.parent_id) IS DISTINCT FROM (now.name, now.parent_id)
                UNION SELECT categories.id FROM categories JOIN below ON categories.parent_id = below.id
            )
            SELECT array_agg(id) INTO ids FROM below;
            IF ids IS NOT NULL THEN
                INSERT INTO search_changes (product_id)
                SELECT DISTINCT product_id FROM product_categories WHERE category_id = ANY(ids);
            END IF;
            RETURN NULL;
        END $$;
        CREATE FUNCTION search_attributes_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO search_changes (product_id)
            SELECT id FROM products WHERE attributes ? NEW.code;
            RETURN NULL;
        END $$;
        CREATE TRIGGER search_changed AFTER UPDATE ON attributes FOR EACH ROW
            WHEN ((OLD.name, OLD.unit) IS DISTINCT FROM (NEW.name, NEW.unit))
            EXECUTE FUNCTION search_attributes_changed();
        CREATE TRIGGER search_added AFTER INSERT ON products REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION search_products_added();
        CREATE TRIGGER search_changed AFTER UPDATE ON products REFERENCING OLD TABLE AS was NEW TABLE AS now
            FOR EACH STATEMENT EXECUTE FUNCTION search_products_changed();
        CREATE TRIGGER search_gone AFTER DELETE ON products REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION search_products_gone();
        CREATE TRIGGER search_changed AFTER UPDATE ON categories REFERENCING OLD TABLE AS was NEW TABLE AS now
            FOR EACH STATEMENT EXECUTE FUNCTION search_categories_changed()
    """)
    op.execute("INSERT INTO search_changes (product_id) SELECT id FROM products ORDER BY id")  # none changes unseen now


def downgrade() -> None:
    op.execute("""
        DROP TRIGGER search_changed ON categories;
        DROP TRIGGER search_changed ON attributes;
        DROP TRIGGER search_gone ON products;
        DROP TRIGGER search_changed ON products;
        DROP TRIGGER search_added ON products;
        DROP FUNCTION search_attributes_changed, search_categories_changed,
            search_products_gone, search_products_changed, search_products_added;
        DROP TABLE search_changes, search_state, search_words, search_documents
    """)
