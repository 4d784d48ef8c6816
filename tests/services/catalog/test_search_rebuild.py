import psycopg
import pytest

from services.catalog.models import Base
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.follower import Follower
from services.catalog.search.postgres import PostgresIndex
from services.catalog.search.rebuild import rebuild
from services.catalog.search.store import Store
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from tests.services.migrated import differences

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


async def test_a_new_index_has_what_the_catalogue_has_whatever_the_old_one_had(catalogue):
    connection, here, _ = catalogue
    right = connection.execute(ROWS).fetchall()
    connection.execute("UPDATE search_documents SET terms = '''wrong''' WHERE product_id = 1")
    connection.execute("DELETE FROM search_documents WHERE product_id = 2")

    assert await rebuild(here, Store(Reader(Analyzer())), lambda _: None) == 3
    assert connection.execute(ROWS).fetchall() == right
    assert differences(here.url, Base.metadata) == []


async def test_what_changes_while_an_index_is_made_is_in_it(catalogue):
    connection, here, follower = catalogue

    def change(_):
        connection.execute("UPDATE products SET name = '麦茶', product_version = 2 WHERE id = 1")
        connection.execute("DELETE FROM products WHERE id = 2")

    await rebuild(here, Store(Reader(Analyzer())), change)
    await follower.follow()

    rows = connection.execute(ROWS).fetchall()
    assert [row[0] for row in rows] == [1, 4]
    assert "麦茶" in rows[0][3]
