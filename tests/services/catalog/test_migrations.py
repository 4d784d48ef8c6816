import httpx2
import psycopg
import pytest

from services.catalog.app import create_app
from services.catalog.models import Base
from services.common.storage.migrate import migrate
from services.contracts.registry import parse
from tests.services.migrated import differences


def test_the_migrations_make_what_the_models_say(database_url):
    assert differences(database_url, Base.metadata) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE products DROP CONSTRAINT ck_products_stock_not_negative",
        "ALTER TABLE products ALTER stock_version DROP DEFAULT",
        "DROP INDEX ix_outbox_unpublished; CREATE INDEX ix_outbox_unpublished ON outbox (id)",
        "ALTER TABLE idempotency ALTER fingerprint DROP NOT NULL",
        "CREATE TABLE forgotten (id bigint)",
    ],
)
def test_a_table_that_is_otherwise_than_its_model_is_found(database, change):
    url = database("catalog")
    migrate("catalog", url)
    with psycopg.connect(url) as connection:
        connection.execute(change)
    assert differences(url, Base.metadata) != []


def test_the_way_down_puts_reserved_pieces_back(database):
    url = database("catalog")
    migrate("catalog", url)
    with psycopg.connect(url) as connection:
        connection.execute("""
            INSERT INTO products (id, sku, name, price, currency, rating, stock, is_active)
            VALUES (1, 'a', 'Tea', 5, 'JPY', 0, 3, true);
            INSERT INTO reservations (id, status, expires_at, lines) VALUES
                ('a', 'HELD', now(), '[{"productId": 1, "quantity": 2}]'),
                ('b', 'HELD', now(), '[{"productId": 1, "quantity": 4}]'),
                ('c', 'RELEASED', now(), '[{"productId": 1, "quantity": 8}]')
        """)
    migrate("catalog", url, "0007")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT stock FROM products").fetchall() == [(9,)]


FINE = """
INSERT INTO products (id, sku, name, price, currency, rating, stock, is_active, offer_version) VALUES
    (1, 'a', 'Tea', 12.50, 'JPY', 0, 1, true, 1), (2, 'b', 'Tea', 12.50, 'USD', 0, 1, true, 1),
    (3, 'c', 'Tea', 12.40, 'JPY', 0, 1, true, 1), (4, 'd', 'Tea', 12.00, 'JPY', 0, 1, true, 1);
INSERT INTO special_prices (product_id, price, start_date) VALUES
    (1, 10.40, now()), (2, 10.45, now()), (3, 12.30, now()), (4, 11.00, now())
"""


@pytest.fixture
def upgraded(database):
    """The database of a shop that had prices finer than their currency."""
    url = database("catalog")
    migrate("catalog", url, "0004")
    with psycopg.connect(url) as connection:
        connection.execute(FINE)
    migrate("catalog", url)
    return url


def test_prices_finer_than_their_currency_are_rounded_and_an_offer_that_is_none_any_more_ends(upgraded):
    with psycopg.connect(upgraded) as connection:
        rows = connection.execute("""
            SELECT id, products.price::float, product_version, special_prices.price::float, offer_version
            FROM products LEFT JOIN special_prices ON product_id = id ORDER BY id
        """).fetchall()
    assert rows == [(1, 13, 1, 10, 2), (2, 12.5, 0, 10.45, 1), (3, 12, 1, None, 2), (4, 12, 0, 11, 1)]


async def test_a_product_of_before_can_be_changed_and_told_of(upgraded, settings, tokens):
    app = create_app(settings.model_copy(update={"database_url": upgraded}))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://catalog", auth=tokens.as_staff) as client,
    ):
        assert (await client.patch("/v1/products/1", json={"name": "Green tea"})).status_code == 200
    with psycopg.connect(upgraded) as connection:
        values = connection.execute("SELECT value FROM outbox").fetchall()
    assert [parse("catalog.v1", value.encode())[0].event_type for (value,) in values] == ["PRODUCT_UPDATED"]


def test_a_shop_of_before_orders_gets_reservations_and_keeps_its_products_both_ways(database):
    url = database("catalog")
    migrate("catalog", url, "0007")
    everything = "SELECT products::text FROM products UNION ALL SELECT outbox::text FROM outbox"
    with psycopg.connect(url) as connection:
        connection.execute(FINE)
        connection.execute("INSERT INTO outbox (event_id, topic, key, value) VALUES (gen_random_uuid(), 't', 'k', 'v')")
        before = connection.execute(everything).fetchall()
    migrate("catalog", url, "0008")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO reservations (id, status, lines, expires_at) VALUES ('1', 'HELD', '[]', now())")
        assert connection.execute(everything).fetchall() == before
    migrate("catalog", url, "0007")
    with psycopg.connect(url) as connection:
        assert connection.execute(everything).fetchall() == before


def test_an_image_of_before_is_the_first_of_the_images_both_ways(database):
    url = database("catalog")
    migrate("catalog", url, "0008")
    with psycopg.connect(url) as connection:
        connection.execute(FINE + "; UPDATE products SET image = '/a.jpg' WHERE id = 1")
    migrate("catalog", url, "0009")
    found = "SELECT image, images FROM products WHERE id < 3 ORDER BY id"
    with psycopg.connect(url) as connection:
        assert connection.execute(found).fetchall() == [("/a.jpg", ["/a.jpg"]), (None, [])]
    migrate("catalog", url, "0008")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT image FROM products WHERE id = 1").fetchone() == ("/a.jpg",)
