import psycopg
import pytest

from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.postgres import PostgresIndex
from services.catalog.search.search import Search
from services.catalog.search.words import Words
from tests.services.catalog.search import labelled
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_search_finds_what_is_meant(client, upsert, database_url, service_database):
    found = labelled.products()
    categories, lines = labelled.categories_and_lines(found)
    for attribute in labelled.attributes(found):
        assert (await client.post("/v1/attributes", json=attribute)).status_code == 201
    assert {each["status"] for each in await upsert("categories", *categories)} == {"created"}
    results = await upsert("products", *lines)
    assert [each for each in results if each["status"] != "created"][:3] == []
    with psycopg.connect(database_url, autocommit=True) as connection:
        await eventually(
            lambda: connection.execute("SELECT documents FROM search_state").fetchone()[0], lambda n: n == len(lines)
        )
        ids = dict(connection.execute("SELECT id, sku FROM products").fetchall())
        category_ids = dict(connection.execute("SELECT code, id FROM categories").fetchall())
    search = Search(PostgresIndex(service_database, Reader(Analyzer()), seconds=5), Words(service_database))

    mean, classes = await labelled.figures(search, ids, category_ids)
    assert mean >= 0.95
    assert {name: value for name, value in classes.items() if value < labelled.BIGRAM[name] - 0.03} == {}
