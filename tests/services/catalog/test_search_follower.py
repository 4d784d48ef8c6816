import asyncio

import psycopg
import pytest

from services.catalog.search import sources
from services.catalog.search.analysis import Analyzer
from services.catalog.search.counter import Counter
from services.catalog.search.documents import Reader, Source
from services.catalog.search.engine import Facet, Filters, Query
from services.catalog.search.follower import BATCH, LOCK, Follower
from services.catalog.search.postgres import PostgresIndex
from services.catalog.search.word_store import WordStore
from services.catalog.search.words import Words
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from tests.waiting import eventually

ADD = """
    INSERT INTO products (sku, name, brand, price, currency, rating, stock, is_active, product_version)
    VALUES (%s, %s, %s, 100, 'JPY', 0, 1, true, 1) RETURNING id
"""


@pytest.fixture
async def catalogue(database):
    """A database and the index of it; `(connection, Database, PostgresIndex)`."""
    url = database("catalog")
    migrate("catalog", url)
    here = Database(url)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection, here, PostgresIndex(here, Reader(Analyzer()), seconds=5)
    await here.close()


def indexed(connection):
    return [
        sku
        for (sku,) in connection.execute(
            "SELECT sku FROM search_documents JOIN products ON id = product_id ORDER BY id"
        )
    ]


@pytest.mark.parametrize(("sku", "brand"), [("b", " "), ("b", "\u3000\n"), ("ﷺ" * 100, None), (" ", None)])
async def test_a_product_without_a_word_in_its_brand_or_sku_is_found_as_others_are(catalogue, sku, brand):
    connection, here, index = catalogue
    for each in [("a", "緑茶", None), (sku, "麦茶", brand), ("c", "紅茶", None)]:
        connection.execute(ADD, each)
    await Follower(here, index).follow()
    assert indexed(connection) == ["a", sku, "c"]


async def test_a_product_that_the_index_refuses_keeps_up_no_other(catalogue, caplog):
    connection, here, index = catalogue
    ids = [connection.execute(ADD, (sku, "緑茶", None)).fetchone()[0] for sku in "abcde"]
    follower = Follower(here, index)
    await follower.follow()

    class Fussy:
        async def write(self, documents, gone, turn):
            assert ids[2] not in {each.product_id for each in documents}
            await index.write(documents, gone, turn)

    connection.execute("UPDATE products SET name = '麦茶', product_version = 2")
    await Follower(here, Fussy()).follow()
    assert indexed(connection) == ["a", "b", "d", "e"]
    assert connection.execute("SELECT count(*) FROM search_changes").fetchone() == (0,)
    assert f"product {ids[2]} cannot be found" in caplog.text


async def test_an_index_that_is_missing_takes_no_product_for_refused(catalogue):
    connection, here, index = catalogue
    connection.execute(ADD, ("a", "緑茶", None))
    connection.execute("ALTER TABLE search_documents RENAME TO search_documents_away")
    with pytest.raises(Exception, match="search_documents"):
        await Follower(here, index).follow()
    connection.execute("ALTER TABLE search_documents_away RENAME TO search_documents")
    await Follower(here, index).follow()
    assert indexed(connection) == ["a"]


async def test_words_of_a_commit_that_failed_are_written_again(catalogue):
    connection, here, index = catalogue
    connection.execute(ADD, ("a", "緑茶", None))
    connection.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE division_by_zero; END';
        CREATE CONSTRAINT TRIGGER refusing AFTER INSERT ON search_documents DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse()
    """)
    with pytest.raises(Exception, match="division"):
        await index.write(await _documents(here), [], 1)
    connection.execute("DROP TRIGGER refusing ON search_documents")
    await Follower(here, index).follow()
    assert ("緑茶",) in connection.execute("SELECT key FROM search_words").fetchall()


async def test_a_word_whose_products_were_all_away_is_known_again_when_one_is_back(catalogue):
    connection, here, index = catalogue
    connection.execute(ADD, ("a", "緑茶", None))
    follower, words = Follower(here, index), Words(here)
    for is_active in (False, True):
        await follower.follow()
        await index.count()
        connection.execute("UPDATE products SET is_active = %s, product_version = product_version + 1", [is_active])
    assert (await words.vocabulary()).get("緑茶") is None
    await follower.follow()
    await words.refresh()
    assert (await words.vocabulary()).get("緑茶").count == 1


async def test_products_are_followed_while_words_are_counted(catalogue):
    connection, here, index = catalogue
    connection.execute(ADD, ("a", "緑茶", None))
    follower = Follower(here, index)
    follower.is_behind = await follower.follow() == BATCH
    counting, goes_on, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow:
        async def count(self):
            counting.set()
            await goes_on.wait()
            await index.count()
            stop.set()

    counter = asyncio.create_task(Counter(here, Slow(), follower).run(stop))
    await counting.wait()
    connection.execute(ADD, ("b", "緑茶", None))
    assert await follower.follow() == 1
    goes_on.set()
    await counter
    assert follower.uncounted == 1  # that of b
    assert connection.execute("SELECT count FROM search_words WHERE key = '緑茶'").fetchone() == (2,)


async def test_a_word_that_came_while_words_were_counted_stays(catalogue):
    connection, here, index = catalogue
    connection.execute(ADD, ("a", "緑茶", None))
    await Follower(here, index).follow()
    connection.execute("DELETE FROM search_documents")  # a count that sees it finds no word
    with connection.transaction():
        connection.execute(str(LOCK))
        counting = asyncio.create_task(index.count())
        await eventually(lambda: _waiting(here.url))
        connection.execute("UPDATE search_words SET count = 7 WHERE key = '緑茶'")
    await counting
    counts = dict(connection.execute("SELECT key, count FROM search_words"))
    assert counts.pop("緑茶") == 7
    assert not any(counts.values())


async def test_a_word_that_is_back_before_its_count_is_set_stays(catalogue):
    connection, here, index = catalogue
    connection.execute(ADD, ("a", "緑茶", None))
    follower = Follower(here, index)
    await follower.follow()
    connection.execute("UPDATE products SET is_active = false, product_version = 2")
    await follower.follow()
    with connection.transaction():
        connection.execute(str(LOCK))
        counting = asyncio.create_task(index.count())  # it sees no product
        await eventually(lambda: _waiting(here.url))
        with psycopg.connect(here.url) as another:
            another.execute("UPDATE products SET is_active = true, product_version = 3")
        await index.write(await _documents(here), [], 1)
    await counting
    assert connection.execute("SELECT count FROM search_words WHERE key = '緑茶'").fetchone() == (1,)


async def test_words_that_two_processes_add_at_once_are_all_known(catalogue):
    _, here, _ = catalogue
    reader, words = Reader(Analyzer()), Words(here)
    found = {name: reader.terms(Source(name=name)) for name in ("緑茶", "麦茶")}
    await words.refresh()

    async def add(name):
        async with here.sessions.begin() as session:
            await WordStore().add(session, [found[name]])

    async with here.sessions.begin() as session:
        await WordStore().add(session, [found["緑茶"]])
        adding = asyncio.create_task(add("麦茶"))
        await eventually(lambda: adding.done() or _waiting(here.url))
        await words.refresh()
    await adding
    await words.refresh()
    assert [name for name in found if (await words.vocabulary()).get(name) is None] == []


async def test_while_many_new_words_are_read_searches_go_on_and_know_each_wholly_or_not_at_all(catalogue):
    connection, here, _ = catalogue
    words = Words(here)
    vocabulary, seen = await words.vocabulary(), set()
    connection.execute("""
        INSERT INTO search_words (key, reading, surface, heads, count)
        SELECT 'w' || i, 'w' || i, 'w', 1, 1 FROM generate_series(1, 1000) AS i
    """)
    refreshing = asyncio.create_task(words.refresh())
    while not refreshing.done():
        known = {f"w{i}" for i in range(1, 1001) if vocabulary.get(f"w{i}")}
        assert {each.key for each in vocabulary.beginning("w", 1000)} == known
        seen.add(len(known))
        await asyncio.sleep(0)
    assert (max(seen), len(seen) > 5) == (1000, True)


def _waiting(url):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()


async def _documents(here):
    async with here.sessions() as session:
        return await sources.read(session, [1])


async def test_facets_that_are_not_asked_for_are_not_counted_nor_taken_for_those_that_are(catalogue, monkeypatch):
    connection, here, index = catalogue
    monkeypatch.setattr("services.catalog.search.postgres.BROAD", 0)
    connection.execute(ADD, ("a", "緑茶", "焙里"))
    await Follower(here, index).follow()
    counted = [(await index.find(Query(facets=each), None)).facets for each in ([Facet.BRAND], tuple(Facet))]
    assert [(facets.brands, facets.prices, facets.in_stock) for facets in counted] == [
        ({"焙里": 1}, {}, 0), ({"焙里": 1}, {7: 1}, 1)
    ]  # fmt: skip


async def test_the_facets_of_a_broad_search_are_counted_once_a_minute_and_its_hits_each_time(catalogue, monkeypatch):
    connection, here, index = catalogue
    monkeypatch.setattr("services.catalog.search.postgres.BROAD", 1)
    query = Query(filters=Filters(brands=["焙里"]), facets=[Facet.IN_STOCK])

    async def found():
        await Follower(here, index).follow()
        answer = await index.find(query, None)
        return answer.total, answer.facets.in_stock

    connection.execute(ADD, ("a", "緑茶", "焙里"))
    assert await found() == (1, 1)
    connection.execute(ADD, ("b", "緑茶", "焙里"))
    assert await found() == (2, 2)
    connection.execute(ADD, ("c", "緑茶", "焙里"))
    assert await found() == (3, 2)
    index._broad.clear()  # as after a minute
    assert await found() == (3, 3)
