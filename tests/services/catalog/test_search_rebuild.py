import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from services.catalog.models import Base
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.engine import Query
from services.catalog.search.follower import Follower
from services.catalog.search.postgres import PostgresIndex
from services.catalog.search.rebuild import rebuild
from services.catalog.search.store import Store
from services.catalog.search.writing import NothingWrittenError
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from tests.services.migrated import differences
from tests.waiting import eventually

ROWS = "SELECT product_id, price, in_stock, terms::text FROM search_documents ORDER BY product_id"
FILL = """
    INSERT INTO products (sku, name, price, currency, rating, stock, is_active, product_version)
    SELECT 's' || i, '緑茶 ' || i || 'ml', 100, 'JPY', 0, 1, i <> 3, 1 FROM generate_series(1, 4) AS i
"""


@pytest.fixture
async def catalogue(database):
    """A database whose index follows it; `(connection, Database, what follows)`."""
    url = database("catalog")
    migrate("catalog", url)
    here = Database(url)
    follower = Follower(here, PostgresIndex(here, Reader(Analyzer()), seconds=5))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL)
        await follower.follow()
        yield connection, here, follower
    await here.close()


async def followed(url):
    """Once, by another process than the one that makes the index."""
    database = Database(url)
    await Follower(database, PostgresIndex(database, Reader(Analyzer()), seconds=5)).follow()
    await database.close()


def in_a_thread(function, *arguments):
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(function, *arguments).result()


async def test_a_new_index_has_what_the_catalogue_has_whatever_the_old_one_had(catalogue):
    connection, here, _ = catalogue
    right = connection.execute(ROWS).fetchall()
    connection.execute("UPDATE search_documents SET terms = '''wrong''' WHERE product_id = 1")
    connection.execute("DELETE FROM search_documents WHERE product_id = 2")

    assert await rebuild(here, Store(Reader(Analyzer())), lambda _: None) == 3
    assert connection.execute(ROWS).fetchall() == right
    assert differences(here.url, Base.metadata) == []


@pytest.mark.parametrize("is_followed", [False, True], ids=["followed afterwards", "followed at once"])
@pytest.mark.parametrize("is_empty", [False, True], ids=["beside a whole one", "beside an empty one"])
async def test_what_changes_while_an_index_is_made_is_in_it(catalogue, is_followed, is_empty):
    connection, here, follower = catalogue
    if is_empty:
        connection.execute("DELETE FROM search_documents")

    def change(_):
        connection.execute("UPDATE products SET name = '麦茶', product_version = 2 WHERE id = 1")
        connection.execute("DELETE FROM products WHERE id = 2")
        connection.execute("UPDATE products SET is_active = id = 3, product_version = 3 WHERE id IN (3, 4)")
        if is_followed:
            in_a_thread(asyncio.run, followed(here.url))

    await rebuild(here, Store(Reader(Analyzer())), change)
    await follower.follow()

    rows = connection.execute(ROWS).fetchall()
    assert [row[0] for row in rows] == [1, 3]
    assert "麦茶" in rows[0][3]


async def test_what_is_again_as_it_was_in_the_old_index_is_so_in_the_new_one(catalogue):
    connection, here, _ = catalogue
    connection.execute("UPDATE products SET price = 90, product_version = 2 WHERE id = 1")  # not followed yet

    def change_back(_):
        connection.execute("UPDATE products SET price = 100, product_version = 3 WHERE id = 1")
        in_a_thread(asyncio.run, followed(here.url))

    await rebuild(here, Store(Reader(Analyzer())), change_back)

    assert connection.execute(ROWS).fetchall()[0][1] == 100


async def test_a_rebuild_leaves_out_what_cannot_be_read_and_writes_the_rest(catalogue, caplog):
    connection, here, _ = catalogue
    connection.execute("UPDATE products SET brand = repeat('茶', 20000), product_version = 2 WHERE id = 2")
    assert await rebuild(here, Store(Reader(Analyzer())), lambda _: None) == 2
    assert [row[0] for row in connection.execute(ROWS)] == [1, 4]
    assert "product 2 cannot be found" in caplog.text


async def test_an_index_that_takes_nothing_is_not_put_in_place_of_the_one_in_use(catalogue):
    connection, here, _ = catalogue
    before = connection.execute(ROWS).fetchall()

    class Broken(Reader):
        def terms(self, source):
            raise ValueError(source)

    with pytest.raises(NothingWrittenError):
        await rebuild(here, Store(Broken(Analyzer())), lambda _: None)
    assert connection.execute(ROWS).fetchall() == before


async def test_a_word_that_a_rebuild_has_counted_away_is_known_again_when_a_product_is_back(catalogue):
    connection, here, follower = catalogue
    connection.execute("UPDATE products SET is_active = false, product_version = 2")
    await follower.follow()
    await rebuild(here, Store(Reader(Analyzer())), lambda _: None)  # by another process
    connection.execute("UPDATE products SET is_active = true, product_version = 3 WHERE id = 1")
    await follower.follow()
    assert connection.execute("SELECT count FROM search_words WHERE key = '緑茶'").fetchone() == (1,)


async def test_a_search_gives_up_in_its_own_time_while_the_index_is_swapped(catalogue):
    connection, here, _ = catalogue
    index = PostgresIndex(here, Reader(Analyzer()), 0.1)
    with connection.transaction():
        connection.execute("LOCK TABLE search_documents IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DBAPIError) as caught:
            await index.find(Query(), None)
    assert isinstance(caught.value.orig, psycopg.errors.QueryCanceled)  # and not the longer wait for a lock


async def test_words_are_counted_beside_the_swap_without_a_deadlock(catalogue):
    connection, here, _ = catalogue
    index = PostgresIndex(here, Reader(Analyzer()), seconds=5)

    async def waiting(number):
        await eventually(
            lambda: connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone(),
            lambda row: row == (number,),
        )

    with connection.transaction():
        connection.execute("SELECT FROM search_state FOR UPDATE")
        swapping = asyncio.create_task(rebuild(here, Store(Reader(Analyzer())), lambda _: None))
        await waiting(1)  # it has the lock, and is about to drop the old table
        counting = asyncio.create_task(index.count())
        await waiting(2)
    assert await asyncio.gather(swapping, counting, return_exceptions=True) == [3, None]
