import asyncio
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from starlette.responses import JSONResponse

from services.catalog.search import opensearch, sources
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.engine import Facet, Filters, Query, Sort
from services.catalog.search.follower import LOCK, Follower
from services.catalog.search.opensearch import OpenSearchIndex
from services.catalog.search.opensearch_rebuild import rebuild
from services.catalog.search.postgres import PostgresIndex
from services.catalog.search.writing import NothingWrittenError
from services.common.runtime.errors import Unavailable
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from tests.services.gateway.standing_in import Service, served
from tests.waiting import eventually

FILL = """
    INSERT INTO products (sku, name, brand, price, currency, rating, stock, is_active, product_version)
    SELECT 's' || i, '緑茶 ' || i || 'ml', '茶々凪', 100, 'JPY', 0, 1, i <> 3, 1 FROM generate_series(1, 4) AS i
"""
WORDS = "SELECT key, heads, count FROM search_words ORDER BY key"


@pytest.fixture
async def products(database):
    """Four products, of which one is not sold; `(connection, Database)`."""
    url = database("catalog")
    migrate("catalog", url)
    here = Database(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL)
        yield connection, here
    await here.close()


@pytest.fixture
async def catalogue(products, opensearch):
    """These products, and an index of them; `(connection, index)`."""
    connection, here = products
    index = OpenSearchIndex(here, Reader(Analyzer()), opensearch.url, f"products-{uuid4().hex}", seconds=30)
    assert await rebuild(index, lambda _: None) == 3
    yield connection, index
    await index.close()


async def held(index):
    return [hit.product_id for hit in (await index.find(Query(), None)).hits]


async def documents(index, *ids):
    async with index.database.sessions() as session:
        return await sources.read(session, list(ids))


async def test_what_changes_while_an_index_is_made_is_in_it_and_searches_are_answered_meanwhile(catalogue):
    connection, index = catalogue
    follower = Follower(index.database, index)
    await follower.follow()
    before = await index.named(index.alias)
    stale = await documents(index, 1, 2)

    async def change(write):
        connection.execute("UPDATE products SET is_active = true, product_version = 2 WHERE id = 3")
        connection.execute("DELETE FROM products WHERE id = 2")
        await follower.follow()
        assert await held(index) == [1, 3, 4]
        await write(stale, 1)

    await _rebuilt(index, change)
    assert await held(index) == [1, 3, 4]
    after = await index.named(index.alias)
    assert (len(after), after == before, await index.named(index.next)) == (1, False, [])
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
    (left,) = await index.named(index.next)
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
    assert await other.named("products-none") == []
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


@pytest.fixture
async def stub(products):
    """What says as OpenSearch what a node does not say when it is told to; `(Service, index)`."""
    _, here = products
    service = Service("opensearch")
    with served(service) as url:
        asking = OpenSearchIndex(here, Reader(Analyzer()), url, "products", seconds=0.5)
        yield service, asking
        await asking.close()


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_an_opensearch_that_does_not_say_whether_there_is_a_new_index_is_written_to_later(stub, status):
    service, index = stub
    service.says("/products/_bulk", {"items": []})
    service.says("/_alias/products-next", {}, status)
    with pytest.raises(Unavailable):
        await index.write(await documents(index, 1), [], 1)
    assert "/products/_bulk" not in {request.url.path for request in service.asked}
    service.says("/_alias/products-next", {"status": 404}, 404)
    await index.write(await documents(index, 1), [], 1)
    assert service.asked[-1].url.path == "/products/_bulk"


async def test_documents_are_sent_in_parts(catalogue, monkeypatch):
    connection, index = catalogue
    connection.execute("UPDATE products SET name = '麦茶 ' || id, product_version = 2")
    monkeypatch.setattr(opensearch, "MOST_BYTES", 1_000)
    bodies, bulk = [], index._bulk

    async def seen(alias, body):
        bodies.append(len(body))
        await bulk(alias, body)

    monkeypatch.setattr(index, "_bulk", seen)
    await index.write(await documents(index, 1, 2, 4), [3], 1_000)
    assert (len(bodies) > 1, max(bodies) <= 1_000) == (True, True)
    assert await held_by(index, "麦茶") == [1, 2, 4]


async def test_of_what_is_too_large_together_each_part_is_written(stub):
    service, index = stub
    service.says("/_alias/products-next", {"status": 404}, 404)
    written = []

    async def bulk(request):
        ids = [line.split(b'"')[5] for line in (await request.body()).splitlines() if b'"_id"' in line]
        if len(ids) > 1:
            return JSONResponse({"error": "too large"}, 413)
        written.extend(ids)
        return JSONResponse({"items": []})

    service.answers["/products/_bulk"] = bulk
    await Follower(index.database, index).follow()
    assert written == [b"1", b"2", b"3", b"4"]


@pytest.fixture
def is_rebuilt(stub):
    """To make an index by a proxy that lets one document through at a time, of which some are refused."""
    service, index = stub
    service.says("/_alias/products", {})
    service.says("/_alias/products-next", {"status": 404}, 404)
    service.says("/products/_count", {"count": 2})
    nothing = {"buckets": []}
    service.says("/products/_search", {"aggregations": {"words": nothing, **dict.fromkeys("ABCD", nothing)}})
    written = []

    async def rebuilt(*refused):
        async def bulk(request):
            ids = [line.split(b'"')[5] for line in (await request.body()).splitlines() if b'"_id"' in line]
            if len(ids) > 1:
                return JSONResponse({"error": "too large"}, 413)
            if int(ids[0]) in refused:
                return JSONResponse({"items": [{"index": {"status": 400, "error": {"reason": "immense"}}}]})
            written.extend(ids)
            return JSONResponse({"items": []})

        service.answers["/products-next/_bulk"] = bulk
        return await rebuild(index, lambda _: None), written

    return rebuilt


async def test_a_rebuild_leaves_out_what_is_refused_and_writes_the_rest(is_rebuilt, caplog):
    assert await is_rebuilt(2) == (2, [b"1", b"4"])
    assert "product 2 cannot be found" in caplog.text


async def test_an_index_that_takes_nothing_is_not_put_in_place_of_the_one_in_use(stub, is_rebuilt):
    service, _ = stub
    with pytest.raises(NothingWrittenError):
        await is_rebuilt(1, 2, 4)
    assert "/_aliases" not in {request.url.path for request in service.asked}


async def test_a_rebuild_leaves_out_what_cannot_be_read(catalogue, caplog):
    connection, index = catalogue
    connection.execute("UPDATE products SET brand = repeat('茶', 20000), product_version = 2 WHERE id = 2")
    assert await rebuild(index, lambda _: None) == 2
    assert await held(index) == [1, 4]
    assert "product 2 cannot be found" in caplog.text


async def test_a_search_ends_in_its_time_however_many_pages_it_takes(stub):
    service, index = stub
    hit = {"_id": "1", "fields": {"group": [9]}, "sort": [1.0, 1]}
    survey = {"variants": {"doc_count": 1}, "chosen": {"leaves": {"buckets": []}}}
    groups = {"total": {"groups": {"value": 1}}, "groups": {"buckets": [{"key": 9, "doc_count": 9}]}}

    async def search(request):
        asked = await request.json()
        hits = [] if "collapse" in asked else [hit] * asked["size"]
        return JSONResponse({"hits": {"hits": hits}, "aggregations": survey | groups})

    service.answers["/products/_search"] = search
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable):
            await index.find(Query(), None)


async def test_of_thousands_of_variants_the_best_is_found_in_a_few_requests(catalogue, monkeypatch):
    connection, index = catalogue
    connection.execute("""
        INSERT INTO products (sku, name, price, currency, rating, stock, is_active, product_version, parent_id)
        SELECT 'v' || i, '緑茶', 100, 'JPY', 0, 1, true, 1, 1 FROM generate_series(1, 900) AS i
    """)
    await Follower(index.database, index).follow()
    requests, search = [], index._search

    async def seen(body):
        requests.append(body)
        return await search(body)

    monkeypatch.setattr(index, "_search", seen)
    assert (await index.find(Query(limit=1, after=(100, 4), sort="price"), None)).total == 3
    assert len(requests) < 20


async def test_values_of_all_attributes_are_counted_together(catalogue):
    connection, index = catalogue
    define(connection, "color", "size", *(f"{i:03}{'x' * 40}" for i in range(100)))
    for each in (1, 2):
        values = {"color": "red" if each == 1 else "blue", "size": str(each), f"099{'x' * 40}": "1"}
        connection.execute(
            "UPDATE products SET attributes = %s, product_version = 2 WHERE id = %s", [Jsonb(values), each]
        )
    await Follower(index.database, index).follow()
    query = Query(filters=Filters(attributes={"color": ["red"]}), facets=[Facet.ATTRIBUTE])
    assert (await index.find(query, None)).facets.attributes == {
        ("color", "blue"): 1, ("color", "red"): 1, ("size", "1"): 1, (f"099{'x' * 40}", "1"): 1
    }  # fmt: skip


def define(connection, *codes):
    """Have these attributes, which are facets."""
    values = "%s, '', 'text', false, true"
    for code in codes:
        connection.execute(
            f"INSERT INTO attributes (code, name, type, is_multiple, is_facet) VALUES ({values})", [code]
        )


async def test_facets_have_the_most_frequent_of_thousands_of_values_though_there_are_variants(catalogue):
    connection, index = catalogue
    define(connection, "color")
    connection.execute("""
        INSERT INTO products (sku, name, brand, price, currency, rating, stock, is_active, product_version, attributes)
        SELECT 'b' || i, '急須', 'b' || i % 99, 100, 'JPY', 0, 1, true, 1, jsonb_build_object(
            'ean', (SELECT jsonb_agg('e' || i * 100 + j) FROM generate_series(1, 100) AS j),
            'color', (SELECT jsonb_agg('c' || i * 99 + j) FROM generate_series(1, 100) AS j)
        ) FROM generate_series(1, 100) AS i
    """)
    connection.execute("""
        INSERT INTO products (sku, name, brand, price, currency, rating, stock, is_active, product_version, parent_id)
        SELECT 'v' || i, '急須', 'variants', 100, 'JPY', 0, 1, true, 1, 1 FROM generate_series(1, 3) AS i
    """)
    await Follower(index.database, index).follow()
    answer = await index.find(Query(facets=tuple(Facet)), None)
    brands, attributes = answer.facets.brands, answer.facets.attributes
    assert (answer.total, len(brands), list(brands.items())[:2]) == (103, 50, [("b1", 2), ("茶々凪", 2)])
    assert (len(attributes), set(attributes.values())) == (50, {2})


async def test_a_word_that_is_back_before_its_count_is_set_stays(catalogue):
    connection, index = catalogue
    connection.execute("UPDATE products SET is_active = false, product_version = 2")
    await Follower(index.database, index).follow()
    with connection.transaction():
        connection.execute(str(LOCK))
        counting = asyncio.create_task(index.count())  # it sees no product
        await eventually(lambda: _waiting(index.database.url))
        with psycopg.connect(index.database.url) as another:
            another.execute("UPDATE products SET is_active = true, product_version = 3 WHERE id <= 2")
        await index.write(await documents(index, 1, 2), [], 2_000)
    await counting
    assert connection.execute("SELECT heads, count FROM search_words WHERE key = '緑茶'").fetchone() == (2, 2)


async def test_counts_are_set_in_the_order_in_which_words_are_added(catalogue):
    connection, index = catalogue
    for (key,) in connection.execute("SELECT key FROM search_words ORDER BY key DESC").fetchall():
        connection.execute("UPDATE search_words SET count = 9 WHERE key = %s", [key])
    keys = [key for (key,) in connection.execute("SELECT key FROM search_words ORDER BY key")]
    with connection.transaction():
        connection.execute("SELECT FROM search_words WHERE key = %s FOR UPDATE", [keys[1]])
        counting = asyncio.create_task(index.count())
        await eventually(lambda: _waiting(index.database.url))
        with psycopg.connect(index.database.url) as another:
            free = [key for (key,) in another.execute("SELECT key FROM search_words FOR UPDATE SKIP LOCKED")]
    await counting
    assert sorted(free) == sorted(keys[2:])


def _waiting(url):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None
