"""Copies that have gone wrong, in the databases of services that run, made anew beside them."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psycopg
import pytest

from services.cart import app as cart_app
from services.cart.settings import CartSettings
from services.catalog import app as catalog_app
from services.catalog.settings import CatalogSettings
from services.common.storage.migrate import migrate
from services.content import app as content_app
from services.content.settings import ContentSettings
from tests.services.gateway.standing_in import served
from tests.waiting import wait_until

CONTENT = ("products", "categories", "wishes")
USERS = """
INSERT INTO auth_users (id, email, email_key, status, version) VALUES
    ('anna', 'a@shop.example', 'a@shop.example', 'ACTIVE', 4),
    ('bert', 'b@shop.example', 'b@shop.example', 'ACTIVE', 1), ('carl', NULL, NULL, 'DELETED', 2)
"""
DAMAGE = """
DELETE FROM products WHERE sku = 'tea';
UPDATE products SET price = 1, product_version = 0, stock = 99 WHERE sku = 'cup';
UPDATE products SET name = 'Of another time', product_version = 900, offer_version = 900 WHERE sku = 'pot';
UPDATE products SET is_deleted = true, is_active = false WHERE sku = 'can';
UPDATE products SET is_deleted = false, is_active = true, stock = 3 WHERE sku = 'gone';
INSERT INTO products (id, sku, name) VALUES (999, 'ghost', 'Never sold');
UPDATE categories SET name = 'Wrong', version = 900;
DELETE FROM wishes
"""


@pytest.fixture(scope="module")
def urls(database):
    """The databases of the services."""
    made = {name: database(name) for name in ("auth", "profile", "catalog", "analytics", "content", "cart")}
    for name, url in made.items():
        migrate(name, url)
    return made


@pytest.fixture(scope="module")
def catalog(urls, broker, tokens):
    """Catalog, beside content and a cart that follow it."""
    broker.create_topics()
    with served(catalog_app.create_app(CatalogSettings(database_url=urls["catalog"], **given(broker, tokens)))) as url:
        key = tokens.key_file("cart")
        cart = CartSettings(
            database_url=urls["cart"], catalog_url=url, auth_signing_key_file=key, **given(broker, tokens)
        )
        content = ContentSettings(database_url=urls["content"], **given(broker, tokens))
        with (
            served(cart_app.create_app(cart)) as cart_url,
            served(content_app.create_app(content)),
            httpx2.Client(base_url=url, auth=tokens.as_service("importer", "catalog")) as client,
        ):
            client.cart_url = cart_url
            yield client


@pytest.fixture(scope="module")
def products(catalog, urls):
    """The ids of some products that have changed, once content has followed."""
    kind = catalog.post("/v1/categories", json={"code": "TEA", "name": "Tea"}).json()["id"]
    catalog.patch(f"/v1/categories/{kind}", json={"name": "Teas"})
    ids = {}
    for sku in ("tea", "cup", "pot", "can", "gone"):
        body = {"sku": sku, "name": sku, "price": "500", "currency": "JPY", "stock": 9, "categoryIds": [kind]}
        ids[sku] = catalog.post("/v1/products", json=body).json()["id"]
    for sku in ("tea", "cup"):
        catalog.patch(f"/v1/products/{ids[sku]}", json={"price": "600", "name": f"Green {sku}"})
    catalog.put(f"/v1/products/{ids['cup']}/stock", json={"stock": 4})
    catalog.put(f"/v1/products/{ids['pot']}/special-price", json={"price": "40", "startDate": "2026-01-01T00:00:00Z"})
    catalog.delete(f"/v1/products/{ids['gone']}")
    with psycopg.connect(urls["profile"]) as connection:
        anna = json.dumps({"personalisation": {"consent": False}, "shelves": {"optedOut": ["SALE"]}})
        connection.execute("INSERT INTO users (id, preferences, version) VALUES ('anna', %s, 3)", [anna])
    with psycopg.connect(urls["content"]) as connection:
        connection.execute("INSERT INTO wishes VALUES ('anna', 3, false, '[\"SALE\"]')")
    told, handled = "SELECT event_id FROM outbox", "SELECT event_id FROM inbox WHERE consumer = 'content.catalog'"
    all_of_it = sorted(rows_of(urls["catalog"], told))
    wait_until(lambda: sorted(rows_of(urls["content"], handled)), lambda found: found == all_of_it)
    return ids


@pytest.fixture
def rebuild(tanawari, urls, monkeypatch, tmp_path):
    """The command; gives what it says of each table as (not right, of)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TANAWARI_STATE", raising=False)
    for name, url in urls.items():
        monkeypatch.setenv(f"{name.upper()}_DATABASE_URL", url)

    def run(service):
        ended = tanawari("rebuild", service, "--json")
        assert ended.code == 0, ended.stderr
        return {each["table"]: (each["corrected"], each["ids"]) for each in json.loads(ended.stdout)}

    return run


def given(broker, tokens):
    return {"kafka_url": broker.url, **tokens.settings}


def rows_of(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def tables(url, names):
    """The rows of tables, but for the number of the change that came last, which a rebuild counts as one."""
    rows = "SELECT (to_jsonb(t) - 'catalog_version')::text FROM {} AS t"
    return {name: sorted(map(str, rows_of(url, rows.format(name)))) for name in names}


@pytest.mark.usefixtures("products")
def test_damaged_copies_are_again_as_they_were_and_then_there_is_nothing_to_correct(urls, rebuild):
    before = tables(urls["content"], CONTENT)
    with psycopg.connect(urls["content"]) as connection:
        connection.execute(DAMAGE)
    assert rebuild("content") == {"content.products": (6, 6), "content.categories": (1, 1), "content.wishes": (1, 1)}
    assert tables(urls["content"], CONTENT) == before
    assert rebuild("content") == {"content.products": (0, 5), "content.categories": (0, 1), "content.wishes": (0, 1)}


def test_what_is_in_carts_is_again_as_catalog_has_it_and_nothing_is_added(catalog, products, urls, rebuild, tokens):
    headers = {"Authorization": f"Bearer {tokens.of('anna')}", "Idempotency-Key": "1"}
    body = {"productId": products["cup"]}
    assert httpx2.post(f"{catalog.cart_url}/v1/carts/me/items", json=body, headers=headers).status_code == 200
    catalog.patch(f"/v1/products/{products['cup']}", json={"price": "650"})
    query = "SELECT * FROM cart_items WHERE product_price = 650 AND added_price = 600"
    (before,) = wait_until(lambda: rows_of(urls["cart"], query))
    damage = (
        "product_name = 'x', product_price = 1, currency = 'USD', stock = 0, is_active = false, product_version = 99"
    )
    with psycopg.connect(urls["cart"]) as connection:
        connection.execute(f"UPDATE cart_items SET {damage}, is_deleted = true")
    assert rebuild("cart") == {"cart.cart_items": (1, 1)}
    assert rows_of(urls["cart"], "SELECT * FROM cart_items") == [before]


@pytest.mark.usefixtures("products")
def test_an_empty_database_gets_the_rows_of_one_that_followed_from_the_beginning(urls, rebuild):
    assert rebuild("analytics") == {"analytics.products": (5, 5), "analytics.categories": (1, 1)}
    assert set(rows_of(urls["analytics"], "SELECT sku, is_deleted FROM products")) == {
        ("tea", False), ("cup", False), ("pot", False), ("can", False), ("gone", True),
    }  # fmt: skip


@pytest.mark.usefixtures("products")
def test_addresses_are_again_those_of_auth_and_profiles_stay(urls, rebuild):
    with psycopg.connect(urls["auth"]) as connection:
        connection.execute(USERS)
    with psycopg.connect(urls["profile"]) as connection:
        connection.execute("UPDATE users SET email = 'b@shop.example', account_version = 900, first_name = 'Anna'")
        connection.execute("INSERT INTO users (id, email) VALUES ('carl', 'c@shop.example')")
    assert rebuild("profile") == {"profile.users": (3, 3)}
    assert rows_of(urls["profile"], "SELECT id, email, first_name, account_version FROM users ORDER BY id") == [
        ("anna", "a@shop.example", "Anna", 4),
        ("bert", "b@shop.example", None, 1),
    ]
    assert rebuild("profile") == {"profile.users": (0, 3)}


@pytest.mark.usefixtures("products")
def test_it_waits_for_what_a_consumer_has_begun_so_that_this_overwrites_nothing_afterwards(urls, rebuild):
    rebuild("content")
    before, is_done = tables(urls["content"], CONTENT), threading.Event()
    waiting = "SELECT FROM pg_locks WHERE relation = 'inbox'::regclass AND NOT granted"

    def handle(ready):
        with psycopg.connect(urls["content"]) as consumer:
            consumer.execute("INSERT INTO inbox (consumer, event_id) VALUES ('content.catalog', gen_random_uuid())")
            ready.set()
            wait_until(lambda: is_done.is_set() or rows_of(urls["content"], waiting))
            consumer.execute("UPDATE products SET price = 1, name = 'Computed of an old row' WHERE sku = 'tea'")

    with ThreadPoolExecutor(1) as pool:
        ready = threading.Event()
        handled = pool.submit(handle, ready)
        ready.wait()
        rebuild("content")
        is_done.set()
        handled.result()
    assert tables(urls["content"], CONTENT) == before


@pytest.mark.parametrize(
    ("service", "told"),
    [
        ("order", "order keeps no copies that can be rebuilt; those that do: analytics, cart, content, profile"),
        ("serving", "it reads what it needs at its start: restart it"),
    ],
)
def test_a_service_without_copies_is_told_so(tanawari, service, told):
    ended = tanawari("rebuild", service)
    assert (ended.code, told in ended.stderr) == (1, True)


@pytest.mark.usefixtures("rebuild")
@pytest.mark.parametrize("away", ["CATALOG_DATABASE_URL", "CONTENT_DATABASE_URL"])
def test_a_database_that_is_away_is_one_clear_line(tanawari, monkeypatch, away):
    monkeypatch.setenv(away, "postgresql://nobody@127.0.0.1:9/none")
    ended = tanawari("rebuild", "content")
    assert (ended.code, "127.0.0.1" in ended.stderr, "Traceback" in ended.stderr) == (1, True, False)


@pytest.mark.usefixtures("rebuild")
def test_what_is_not_set_is_named(tanawari, monkeypatch):
    monkeypatch.delenv("PROFILE_DATABASE_URL")
    ended = tanawari("rebuild", "content")
    assert (ended.code, "not set: PROFILE_DATABASE_URL" in ended.stderr) == (1, True)
