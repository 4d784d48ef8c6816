from uuid import uuid4

import psycopg
import pytest

from services.catalog.search import sources
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.engine import Query, Sort
from services.catalog.search.follower import Follower
from services.catalog.search.opensearch import OpenSearchIndex
from services.catalog.search.opensearch_rebuild import named, rebuild
from services.catalog.search.postgres import PostgresIndex
from services.common.runtime.errors import Unavailable
from services.common.storage.database import Database
from services.common.storage.migrate import migrate

FILL = """
    INSERT INTO products (sku, name, brand, price, currency, rating, stock, is_active, product_version)
    SELECT 's' || i, '緑茶 ' || i || 'ml', '茶々凪', 100, 'JPY', 0, 1, i <> 3, 1 FROM generate_series(1, 4) AS i
"""
WORDS = "SELECT key, heads, count FROM search_words ORDER BY key"


@pytest.fixture
async def catalogue(database, opensearch):
    """Four products, of which one is not sold, and an index of them; `(connection, index)`."""
    url = database("catalog")
    migrate("catalog", url)
    here = Database(url)
    index = OpenSearchIndex(here, Reader(Analyzer()), opensearch.url, f"products-{uuid4().hex}", seconds=30)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL)
        assert await rebuild(index, lambda _: None) == 3
        yield connection, index
    await index.close()
    await here.close()


async def held(index):
    return [hit.product_id for hit in (await index.find(Query(), None)).hits]


async def documents(index, *ids):
    async with index.database.sessions() as session:
        return await sources.read(session, list(ids))


async def test_what_changes_while_an_index_is_made_is_in_it_and_searches_are_answered_meanwhile(catalogue):
    connection, index = catalogue
    follower = Follower(index.database, index)
    await follower.follow()
    before = await named(index, index.alias)
    stale = await documents(index, 1, 2)

    async def change(write):
        connection.execute("UPDATE products SET is_active = true, product_version = 2 WHERE id = 3")
        connection.execute("DELETE FROM products WHERE id = 2")
        await follower.follow()
        assert await held(index) == [1, 3, 4]
        await write(stale, 1)

    await _rebuilt(index, change)
    assert await held(index) == [1, 3, 4]
    after = await named(index, index.alias)
    assert (len(after), after == before, await named(index, index.next)) == (1, False, [])
    assert not (await index.client.request("GET", f"/{before[0]}")).is_success


async def _rebuilt(index, change):
    """Make the index anew, with a change before the first of its products are written."""
    write_next = index.write_next

    async def write(found, turn):
        index.write_next = write_next
        await change(write_next)
        await write_next(found, turn)

    index.write_next = write
    await rebuild(index, lambda _: None)


async def test_a_rebuild_that_did_not_end_is_cleared_away_by_the_next(catalogue):
    _, index = catalogue

    def fail(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(index, fail)
    (left,) = await named(index, index.next)
    assert await rebuild(index, lambda _: None) == 3
    assert not (await index.client.request("GET", f"/{left}")).is_success


async def test_a_write_that_comes_late_changes_nothing(catalogue):
    connection, index = catalogue
    old = await documents(index, 1, 2)
    connection.execute("UPDATE products SET name = '麦茶' WHERE id = 1")
    await index.write(await documents(index, 1), [2], 1_000)
    await index.write(old, [4], 999)
    await index.write([], [4], 1_000)
    assert await held(index) == [1]
    assert await held_by(index, "麦茶") == [1]


async def held_by(index, word):
    found = await index.ask("POST", f"/{index.alias}/_search", {"query": {"term": {"A": word}}})
    return [int(hit["_id"]) for hit in found["hits"]["hits"]]


async def test_while_there_is_no_opensearch_searches_say_so_and_changes_wait(catalogue):
    connection, index = catalogue
    connection.execute("UPDATE products SET is_active = true, product_version = 2 WHERE id = 3")
    away = OpenSearchIndex(index.database, Reader(Analyzer()), "http://127.0.0.1:9", index.alias, seconds=5)
    waiting = "SELECT count(*) FROM search_changes"
    count = connection.execute(waiting).fetchone()
    for attempt in (away.find(Query(), None), Follower(index.database, away).follow(), away.check()):
        with pytest.raises(Unavailable):
            await attempt
    await away.close()
    assert connection.execute(waiting).fetchone() == count
    await Follower(index.database, index).follow()
    assert await held(index) == [1, 2, 3, 4]


async def test_without_an_index_nothing_is_written_and_none_is_made(catalogue):
    _, index = catalogue
    other = OpenSearchIndex(index.database, Reader(Analyzer()), index.url, "products-none", seconds=5)
    with pytest.raises(Unavailable):
        await other.write(await documents(index, 1), [], 1)
    assert await named(other, "products-none") == []
    await other.close()


async def test_a_product_that_opensearch_refuses_keeps_up_no_other(catalogue, caplog):
    connection, index = catalogue
    connection.execute("UPDATE products SET brand = repeat('茶', 20000), product_version = 2 WHERE id = 2")
    connection.execute("UPDATE products SET is_active = true, product_version = 2 WHERE id = 3")
    await Follower(index.database, index).follow()
    assert await held(index) == [1, 3, 4]
    assert "product 2 cannot be found" in caplog.text


async def test_the_earlier_a_hit_the_smaller_its_place(catalogue):
    connection, index = catalogue
    connection.execute("UPDATE products SET price = 100 * (id % 2), product_version = 2")
    await Follower(index.database, index).follow()
    hits = (await index.find(Query(sort=Sort.PRICE_DOWN), None)).hits
    assert [(hit.product_id, hit.position[0]) for hit in hits] == [(1, -100), (2, 0), (4, 0)]


async def test_words_are_counted_as_in_postgres(catalogue):
    connection, index = catalogue
    await index.count()
    counted = connection.execute(WORDS).fetchall()
    postgres = PostgresIndex(index.database, Reader(Analyzer()), seconds=30)
    connection.execute("UPDATE search_words SET heads = 0, count = 9")
    await Follower(index.database, postgres).follow()
    await postgres.count()
    assert connection.execute(WORDS).fetchall() == counted
    assert ("緑茶", 3, 3) in counted
