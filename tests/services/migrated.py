"""Do a service's models say what its migrations made?"""

from sqlalchemy import create_engine, text

from services.common.storage.database import sqlalchemy_url

TABLES = text(r"""
WITH tables AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind IN ('r', 'p') AND NOT relispartition
    AND relname <> 'alembic_version'
)
SELECT relname, 'column', concat_ws(
    ' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
    CASE attidentity WHEN 'a' THEN 'ALWAYS IDENTITY' WHEN 'd' THEN 'IDENTITY' END,
    'DEFAULT ' || pg_get_expr(adbin, adrelid)
)
FROM tables JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL SELECT relname, 'constraint', pg_get_constraintdef(pg_constraint.oid)
FROM tables JOIN pg_constraint ON conrelid = tables.oid AND contype <> 'n'
UNION ALL SELECT relname, 'index', regexp_replace(pg_get_indexdef(indexrelid), 'INDEX \S+ ON .* USING', 'INDEX USING')
FROM tables JOIN pg_index ON indrelid = tables.oid
UNION ALL SELECT relname, 'partitions', partitions
FROM tables, pg_get_partkeydef(oid) AS partitions WHERE partitions IS NOT NULL
""")


def differences(url, metadata):
    """What stands only in the database or only in the models, as `(where, table, what, definition)`.

    The models' tables are made beside the others, and both are read from Postgres' own catalogue: every table with its
    columns, their types and defaults, constraints, indexes and partitions.
    """
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        made = {tuple(row) for row in connection.execute(TABLES)}
        connection.execute(text("CREATE SCHEMA expected"))
        connection.execute(text("SET LOCAL search_path TO expected"))
        metadata.create_all(connection, checkfirst=False)
        expected = {tuple(row) for row in connection.execute(TABLES)}
        connection.rollback()
    engine.dispose()
    missing = [("database", *row) for row in sorted(made - expected)]
    return missing + [("models", *row) for row in sorted(expected - made)]
