import psycopg

from services.common.storage.migrate import migrate
from services.content.models import Base
from tests.services.migrated import differences


def test_the_migrations_make_what_the_models_say(database_url):
    assert differences(database_url, Base.metadata) == []


FINE = """
INSERT INTO products (id, sku, price, currency, special_price, special_starts_at) VALUES
    (1, 'a', 12.50, 'JPY', 10.40, now()), (2, 'b', 12.50, 'USD', 10.45, now()), (3, 'c', 12.40, 'JPY', 12.30, now()),
    (4, 'd', NULL, 'JPY', 11.50, now());
INSERT INTO top_page_displays (display_type, product_id, special_price, mode, source, currency) VALUES
    ('SALE', 1, 9.50, 'price', 'manual', NULL), ('SALE', 2, 9.50, 'price', 'manual', NULL),
    ('SALE', 9, 9.50, 'price', 'manual', 'JPY')
"""


def test_amounts_finer_than_their_currency_are_rounded_and_an_offer_that_is_none_any_more_ends(database):
    url = database("content")
    migrate("content", url, "0005")
    with psycopg.connect(url) as connection:
        connection.execute(FINE)
    migrate("content", url, "0006")
    with psycopg.connect(url) as connection:
        products = connection.execute("""
            SELECT id, price::float, special_price::float, special_starts_at IS NULL FROM products ORDER BY id
        """).fetchall()
        displays = connection.execute("SELECT product_id, special_price::float FROM top_page_displays ORDER BY 1")
        assert products == [(1, 13, 10, False), (2, 12.5, 10.45, False), (3, 12, None, True), (4, None, 12, False)]
        assert displays.fetchall() == [(1, 10), (2, 9.5), (9, 10)]
        assert connection.execute("SELECT version FROM showing").fetchall() == [(2,)]


PRICED = """
INSERT INTO top_page_displays (display_type, product_id, special_price, currency, mode, source) VALUES
    ('SALE', 1, 9.50, 'USD', 'price', 'manual'), ('SALE', 2, 9.50, 'USD', 'pin', 'manual'),
    ('SALE', 3, NULL, NULL, 'hide', 'manual')
"""


def test_merchandisers_prices_go_with_their_rows_and_pins_stay_without_one(database):
    url = database("content")
    migrate("content", url, "0012")
    with psycopg.connect(url) as connection:
        connection.execute(PRICED)
        version = connection.execute("SELECT version FROM active_generation").fetchone()[0]
    migrate("content", url, "0013")
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT product_id, mode, special_price, currency FROM top_page_displays ORDER BY 1")
        assert found.fetchall() == [(2, "pin", None, None), (3, "hide", None, None)]
        assert connection.execute("SELECT version FROM active_generation").fetchone()[0] == version + 1
