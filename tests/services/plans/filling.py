"""Fills every table of a service with 100,000 rows, so that the planner chooses as in a large shop.

Values follow from a column's type, its name or its foreign key. Users are skewed: few have thousands of rows, many
have few. Where that does not fit, `VALUES` has the SQL of a column, for the row number `i`.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import psycopg
from argon2 import PasswordHasher
from psycopg.sql import SQL, Literal
from sqlalchemy import ARRAY
from sqlalchemy.dialects.postgresql import JSONB

from services.content.partitions import ATTACH, FINISH, PREPARE, _names
from tests.services.plans.examples import PASSWORD

ROWS = 100_000
SMALL = {
    "roles": (0, "a fixed list, which the migration makes"),
    "generations": (0, "a few a day, of which the newest keep their rows"),
    "activations": (0, "one for each activation of a generation"),
    "active_generation": (0, "one row"),
    "campaigns": (5_000, "a few a week"),
    "banners": (5_000, "some for each campaign"),
    "experiments": (20, "one at a time"),
    "attributes": (5_000, "some for each category"),
    "search_state": (0, "one row"),
    "search_changes": (5_000, "a queue"),
}
"""Tables that stay small in the largest shop: how many rows they get here, and why."""
USER = "'u' || 1 + floor(20000 * random() ^ 3)"
"""The first user has some 3,700 of 100,000 rows."""
SPREAD = "now() - interval '2 years' * ({rows} - i) / {rows}"
"""Two years, the latest last, as rows are written."""
LISTS = {"lines", "opted_out", "moderations"}
"""JSON columns that have a list."""
RARELY = "CASE WHEN i % 5000 = 0 THEN {value} END"
VALUES = {
    "user_id": USER,
    "currency": "'JPY'",
    "stock": "i % 50",
    "rating": "i % 6",
    "is_active": "i % 50 > 0",
    "is_deleted": "i % 1000 = 0",
    "is_bot": "i % 10 = 0",
    "quantity": "1 + i % 3",
    "price": "100 + i % 900",
    "total_amount": "100",
    "amount": "100",
    "captured_amount": "0",
    "refunded_amount": "0",
    "expires_at": "now() + interval '1 day' - interval '1 second' * (i % 100 = 0)::int * i",
    "leased_until": "NULL",
    "email": "'u' || i || '@example.com'",
    "email_key": "'u' || i || '@example.com'",
    "outbox.topic": "CASE WHEN i % 3 = 0 THEN 'auth.v1' ELSE 'catalog.v1' END",
    "outbox.key": USER,
    "outbox.published_at": "CASE WHEN i % 50 > 0 THEN now() - interval '1 day' END",
    "outbox.refused_at": "NULL",
    "idempotency.scope": "'user:u' || i % 20000 || ' POST /v1/things'",
    "idempotency.status": "200",
    "idempotency.claimed_at": "now() - interval '1 day' * i / {rows}",
    "inbox.consumer": "'consumer'",
    "inbox.handled_at": "now() - interval '90 days' * i / {rows}",
    "auth_users.id": "'u' || i",
    "auth_users.status": "'ACTIVE'",
    "user_roles.user_id": "'u' || i",
    "user_roles.role_id": "1",
    "credentials.user_id": "'u' || i",
    "codes.user_id": "'u' || i",
    "codes.purpose": "(ARRAY['registration', 'password-reset', 'email-change'])[1 + (i + 1) % 3]",
    "codes.hash": "sha256(('code' || i)::bytea)",
    "codes.expires_at": "now() + interval '1 hour' * (CASE WHEN i % 100 = 0 THEN -1 ELSE 1 END)",
    "credentials.password_hash": f"'{PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)}'",
    "tasks.due_at": "now() + interval '1 hour' * (i % 20000 > 0)::int",
    "tasks.kind": "'password-changed'",
    "tasks.created_at": "now() - interval '1 second' * (i % 5000)",
    "users.id": "'u' || i",
    "wishes.user_id": "'u' || i",
    "logins.user_id": "'u' || 1 + i % 5000",
    "logins.visitor_id": "'anon:' || i % 80000",
    "cart_items.changed_at": "now() - interval '91 days' * ({rows} - i) / {rows}",
    "cart_items.user_id": "CASE WHEN i % 3 = 0 THEN 'anon:' || i ELSE {user} END",
    "attributes.type": "'text'",
    "audit_entries.service": "NULL",
    "audit_entries.kind": "'banner'",
    "audit_entries.subject": "i::text",
    "banners.placement": "'top'",
    "banners.campaign_id": "1 + i % 5000",
    "banners.end_date": "now() + interval '1 day' - interval '1 hour' * i",
    "banners.start_date": "now() - interval '800 days'",
    "campaigns.end_date": "now() + interval '1 day' - interval '1 hour' * i",
    "campaigns.start_date": "now() - interval '800 days'",
    "top_page_displays.campaign_id": "NULL",
    "experiments.arms": """'[{{"name": "a", "weight": 1}}, {{"name": "b", "weight": 1}}]'::jsonb""",
    "experiments.start_date": "now() + interval '1 day' * (i + 1)",  # one that has begun cannot be deleted
    "experiments.end_date": "now() + interval '1 day' * (i + 2)",
    "categories.level": "1 + i % 4",
    "categories.parent_id": "CASE WHEN i > 100 THEN 1 + i % 100 END",
    "categories.code": "CASE WHEN i > 100 THEN 'top' || i % 100 || ' > c' || i ELSE 'top' || i % 100 END",
    "search_documents.terms": "('''w' || i % 5000 || ''':1A')::tsvector",
    "search_documents.mentioned": "('''m' || i % 5000 || '''')::tsvector",
    "search_documents.category_ids": "ARRAY[1 + i % 100, i]",
    "search_documents.group_id": "CASE WHEN i % 1000 = 0 THEN i - 1 ELSE i END",
    "reviews.product_id": "CASE WHEN i % 3 = 0 THEN 4711 ELSE i END",
    "reviews.user_id": "CASE WHEN i % 3 = 0 THEN 'u' || i WHEN i % 7 = 0 THEN 'u1' ELSE {user} END",
    "reviews.rating": "1 + i % 5",
    "reviews.is_hidden": "i % 1000 = 0",
    "cancelled_orders.order_id": "i",
    "cancelled_orders.user_id": "CASE WHEN i % 7 = 0 THEN 'u1' ELSE {user} END",
    "purchases.product_id": "i",
    "purchases.order_id": "i",
    "purchases.user_id": "CASE WHEN i % 7 = 0 THEN 'u1' ELSE {user} END",
    "early_reviews.product_id": "i",
    "special_prices.end_date": "now() + interval '1 year'",
    "products.parent_id": "CASE WHEN i % 4 = 2 THEN i - 1 END",
    "reservations.status": "CASE WHEN i % 1000 = 0 THEN 'HELD' ELSE 'COMMITTED' END",
    "orders.step": RARELY.format(value="'AWAIT_PAYMENT'"),
    "orders.status": "(ARRAY['PENDING', 'CONFIRMED', 'PROCESSING', 'SHIPPED', 'DELIVERED'])[1 + i % 5]",
    "orders.attempt": "'a' || i",
    "returns.step": "NULL",
    "returns.status": "CASE i % 10 WHEN 9 THEN 'APPROVED' WHEN 8 THEN 'REJECTED' ELSE 'REQUESTED' END",
    "order_items.order_id": "i",
    "returns.order_id": "1 + (i + 50000) % {rows}",
    "return_items.return_id": "i",
    "return_items.product_id": "1 + (i + 50000) % {rows}",
    "payments.next_check_at": RARELY.format(value="now()"),
    "payments.stage": "CASE i % 10 WHEN 3 THEN 'CAPTURED' ELSE 'AUTHORISED' END",
    "payments.captured_amount": "CASE i % 10 WHEN 3 THEN 100 ELSE 0 END",
    "payments.goal": "'AUTHORISE'",
    "payments.status": "'PROCESSING'",
    "payments.provider": "'local'",
    "payments.unsettled_step": "NULL",
    "payments.payment_details": "NULL",
    "payments.external_payment_id": "'local_' || md5(i::text)::uuid",
    "local_charges.id": "'local_' || md5(i::text)::uuid",
    "local_charges.stage": "CASE i % 10 WHEN 3 THEN 'CAPTURED' ELSE 'AUTHORISED' END",
    "webhooks.received_at": "now() - interval '31 days' * ({rows} - i) / {rows}",
    "given_up.id": "md5('other' || i)::uuid",
    "payments.payment_method": "'CREDIT_CARD'",
    "refunds.next_check_at": RARELY.format(value="now()"),
    "refunds.status": "'PROCESSING'",
    "user_action_log.action_type": "(ARRAY['CART_ADD', 'SEARCH_BY_KEYWORD', 'ORDER_COMPLETE'])[1 + i % 3]",
    "top_page_displays.generation": "NULL",
    "top_page_displays.user_id": "CASE WHEN i % 4 > 0 THEN {user} END",
    "top_page_displays.source": "'manual'",
    "top_page_displays.mode": "'pin'",
    "top_page_displays.display_type": "'RECOMMENDED'",
    "top_page_displays.end_date": "now() + interval '1 day' * CASE WHEN i % 1000 IN (4, 711) THEN 1 ELSE -i % 700 END",
    "top_page_displays.start_date": "now() - interval '800 days'",
}
"""By column, or by table and column."""


def fill(admin_url, url, metadata):
    """Insert the rows, as a superuser; gives the names of the tables that have them, partitions too."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no triggers, and references are not checked
        connection.execute("SELECT setseed(0.5)")
        for table in metadata.sorted_tables:
            _fill(connection, table, *SMALL.get(table.name, (ROWS,))[:1])
    if "top_page_displays" in metadata.tables:
        _load_generation(url)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        query = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= %s"
        return {name for (name,) in connection.execute(query, [ROWS // 2])}


def _fill(connection, table, rows):
    if not rows:
        return
    columns = [column for column in table.columns if column.computed is None]
    values = ", ".join(_value(table, column) for column in columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    connection.execute(
        f"INSERT INTO {table.name} ({names}) OVERRIDING SYSTEM VALUE"
        f" SELECT {values} FROM generate_series(1, {rows}) AS i"
    )
    for column in columns:
        if column.identity is not None or column.default is not None:
            sequence = SQL("SELECT setval(pg_get_serial_sequence({}, {}), {})")
            connection.execute(sequence.format(Literal(table.name), Literal(column.name), Literal(rows)))


def _value(table, column):
    given = VALUES.get(f"{table.name}.{column.name}") or VALUES.get(column.name) or _typed(column)
    return given.format(rows=ROWS, user=USER)


def _typed(column):
    if column.foreign_keys:
        (key,) = column.foreign_keys
        return _of_type(key.column, "(1 + i * 7919::bigint % {rows})")
    return _of_type(column, "i")


def _of_type(column, number):
    if isinstance(column.type, ARRAY):
        return "'{{}}'"
    if isinstance(column.type, JSONB):
        return "'[]'" if column.name in LISTS else "'{{}}'"
    kind = column.type.python_type
    return {
        int: number,
        float: "1",
        Decimal: "100",
        bool: "false",
        str: f"'w' || {number}",
        bytes: f"sha256(({number})::text::bytea)",
        UUID: f"md5(({number})::text)::uuid",
        datetime: SPREAD,
    }[kind]


def _load_generation(url):
    """Load and show a generation, as content does it, of eight products for each of 12,500 users."""
    names = _names(1, "g1")
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO generations (generation, bundle, row_count, loaded_at) VALUES ('g1', 'b', 1, now())"
        )
        connection.execute("INSERT INTO activations (generation_id) VALUES (1)")
        connection.execute("UPDATE active_generation SET generation = 'g1'")
        for statement in (*PREPARE, SHELVES, *FINISH, *ATTACH):
            connection.execute(SQL(statement).format(**names))


SHELVES = """
    INSERT INTO {draft} (display_type, user_id, rank, product_id, start_date)
    SELECT 'RECOMMENDED', CASE WHEN i >= 8 THEN 'u' || i / 8 END, i % 8, 1 + i * 7919::bigint % 100000, now()
    FROM generate_series(0, 100000) AS i
"""
