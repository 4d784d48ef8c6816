"""Catalog is killed while products change, and the index equals the catalogue nevertheless; and hostile searches."""

import asyncio
import random
import string

import httpx2
import psycopg
import pytest

from services.catalog.search import sources
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.store import digest, vector
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from tests.service_process import ServiceProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.faults
CHUNK = 500
FILL = """
    INSERT INTO categories (code, name, level) SELECT 'c' || i, '棚' || i, 1 FROM generate_series(1, 20) AS i;
    INSERT INTO products (sku, name, price, currency, rating, stock, is_active, product_version)
    SELECT 's' || i, '緑茶 ' || i || 'ml', 100, 'JPY', 0, 1, true, 1 FROM generate_series(1, {count}) AS i;
    INSERT INTO product_categories (product_id, category_id) SELECT id, 1 + id % 20 FROM products
"""
CHANGE = """
    WITH changed AS (
        UPDATE products SET name = '麦茶 ' || id || 'ml', price = price + 1, stock = id %% 2,
            is_active = id %% 10 > 0, product_version = product_version + 1
        WHERE id BETWEEN %(first)s AND %(last)s RETURNING id
    )
    UPDATE product_categories SET category_id = 1 + (product_id + 7) %% 20 FROM changed WHERE product_id = id
"""
WAITING = "SELECT count(*) FROM search_changes"
HELD = "SELECT product_id, digest, price, in_stock, terms FROM search_documents"
PIECES = [
    *(
        "'",
        '"',
        "\\",
        "&",
        "|",
        "!",
        "(",
        ")",
        ":*",
        "<->",
        "--",
        "%",
        "_",
        "*",
        "\u200d",
        "\u202e",
        "\ud55c",
        "猫",
        "ｺ",
    ),
    *("しょうy", "コーヒー", "🐈", "' OR 1=1", "$1", ":v0", "{}", "[[", "(.*)+$", "\n", "\t", " ", "10kg", "単3", "ー"),
]


@pytest.fixture
def shop(database, broker, tokens, tmp_path, rounds):
    """The running catalog with products that are all found; `(process, database's URL, how many products)`."""
    url, count = database("catalog"), rounds(100_000, 2_000)
    migrate("catalog", url)
    broker.create_topics("catalog.v1", "dead-letters.v1")
    with psycopg.connect(url) as connection:
        connection.execute(FILL.format(count=count))
    environment = {**tokens.environment, "CATALOG_DATABASE_URL": url, "KAFKA_URL": broker.url}
    with ServiceProcess("catalog", environment, tmp_path / "catalog.log") as process:
        wait_until(lambda: _one(url, WAITING) == 0, seconds=300)
        yield process, url, count


def _one(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()[0]


def test_the_index_equals_the_catalogue_though_catalog_is_killed_while_it_changes(shop, rounds, moments):
    process, url, count = shop
    kills = rounds(20)
    for kill in range(kills):
        ids = range(1 + count * kill // kills, 1 + count * (kill + 1) // kills, CHUNK)
        fatal = moments.choice(ids)
        for first in ids:
            last = min(first + CHUNK - 1, count * (kill + 1) // kills)
            with psycopg.connect(url) as connection:
                connection.execute(CHANGE, {"first": first, "last": last})
            if first == fatal:
                process.kill()
                process.start()
            assert _found(process, "茶")["total"] > 0
    wait_until(lambda: _one(url, WAITING) == 0, seconds=120)

    assert asyncio.run(_differences(url)) == set()


def _found(process, q):
    answer = httpx2.get(f"{process.url}/v1/search", params={"q": q}, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _differences(url):
    """What the index has otherwise than it would have if it were made now."""
    reader, database = Reader(Analyzer()), Database(url)
    with psycopg.connect(url) as connection:
        held = {row[0]: row[1:] for row in connection.execute(HELD)}
        ids = [row[0] for row in connection.execute("SELECT id FROM products ORDER BY id")]
        wanted = {}
        async with database.sessions() as session:
            for start in range(0, len(ids), 1_000):
                for each in await sources.read(session, ids[start : start + 1_000]):
                    words = vector(reader.terms(each.source).tiers.items())
                    terms = connection.execute("SELECT %s::tsvector::text", [words]).fetchone()[0]
                    wanted[each.product_id] = (digest(each), each.price, each.in_stock, terms)
    await database.close()
    return {each for each in wanted.keys() | held.keys() if wanted.get(each) != held.get(each)}


def test_no_search_makes_the_catalog_fail(shop, rounds, moments):
    process, _, _ = shop
    asyncio.run(_ask_all(process.url, [_hostile(moments) for _ in range(rounds(10_000, 300))]))


def _hostile(moments):
    """A search of what programs might take for theirs, up to 10 kB long."""
    letters = [
        *PIECES,
        *string.ascii_letters,
        chr(moments.randrange(0x20, 0x2FFF)),
        chr(moments.randrange(0x1F000, 0x1FAFF)),
    ]
    length = moments.choice([1, 3, 10, 60, 200, 3_000])
    return "".join(moments.choices(letters, k=length))


async def _ask_all(url, searches):
    async with httpx2.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:

        async def ask(q):
            path = random.choice(["/v1/search", "/v1/search/suggestions"])
            answer = await client.get(path, params={"q": q})
            assert answer.status_code in (200, 422), (q, answer.text)

        for start in range(0, len(searches), 8):
            await asyncio.gather(*map(ask, searches[start : start + 8]))
