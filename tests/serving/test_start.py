"""What serving knows at its start comes from who keeps it: the log may have lost it, or never held it."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx2
import psycopg
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from psycopg import sql

from services.catalog.app import create_app as create_catalog
from services.catalog.settings import CatalogSettings
from services.common.runtime.worker import running
from services.common.storage.migrate import migrate
from services.common.web import ndjson
from services.contracts.registry import EVENTS
from services.contracts.topics import TOPICS
from serving.app import create_app
from serving.catalog import LONGEST_LINE
from serving.start import CATALOG_UNREAD, LANDED_UNREAD, InitialLoad
from tests.ml.tiny_bundle import BREAD, BUYER, JAM, MILK, RICE, SOAP, TEA, VISITOR, items
from tests.serving.conftest import Content, put_bundle
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
NEW = 900


@pytest.fixture(scope="module")
def broker(any_broker):
    return any_broker


@pytest.fixture(scope="module")
def bundles(any_broker, tmp_path_factory):
    """Of each broker's own service, with a champion."""
    del any_broker
    bundles = tmp_path_factory.mktemp("bundles")
    put_bundle(bundles, "b1")
    return bundles


@pytest.fixture
def catalog_url(database):
    """Catalog's database with the products of the bundle."""
    url = database("catalog")
    migrate("catalog", url)
    with psycopg.connect(url) as connection:
        for row in items().iter_rows(named=True):
            connection.execute(
                "INSERT INTO products (id, sku, name, price, currency, rating, stock, is_active, stock_version)"
                " VALUES (%(product_id)s, %(product_id)s, %(name)s, %(price)s, 'USD', 0, %(stock)s, %(is_active)s, 7)",
                row,
            )
    return url


@pytest.fixture
def changed(catalog_url):
    """Changes a row of catalog without an event: the log has lost it."""

    def change(statement):
        with psycopg.connect(catalog_url) as connection:
            connection.execute(statement)

    return change


@pytest_asyncio.fixture(loop_scope="module")
async def catalog(catalog_url, settings, tokens):
    """The running catalog."""
    app = create_catalog(
        CatalogSettings(
            database_url=catalog_url,
            kafka_url=settings.kafka_url,
            **tokens.settings,
        )
    )
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def start(settings, catalog, tokens):
    """To run serving beside a catalog, from its start; what is entered is a client of it."""

    @asynccontextmanager
    async def started(transport=None, *, is_whole=True, **changes):
        app = create_app(settings.model_copy(update=changes))
        app.state.merchandising.content = Content().client()
        app.state.catalog.client = httpx2.AsyncClient(
            base_url="http://catalog",
            transport=transport or httpx2.ASGITransport(catalog),
            auth=app.state.catalog.client.auth,
        )
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app), base_url="http://serving", auth=tokens.as_named
            ) as client,
        ):
            if is_whole:
                await eventually(lambda: not app.state.recommender.circumstances(is_content_away=False)["degraded"])
            yield client

    return started


async def popular(client):
    """What everybody is shown, by id."""
    answer = await client.get("/v1/users/newcomer/recommendations?limit=100")
    assert answer.status_code == 200
    return {item["productId"]: item["product"] for item in answer.json()["items"]}


async def lose(broker, settings):
    """The log loses all that it holds: at the end of the embedded broker, and by retention elsewhere."""
    if not broker.is_idempotent:
        broker.stop()
        broker.start()
        broker.create_topics()
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_url)
    await admin.start()
    partitions = [TopicPartition("catalog.v1", number) for number in range(3)]
    await admin.delete_records({partition: RecordsToDelete(before_offset=-1) for partition in partitions})
    await admin.close()


async def test_what_the_log_lost_is_known_after_a_start(start, changed, broker, settings, happens):
    await happens("STOCK_CHANGED", product_id=MILK, stock=0)
    await lose(broker, settings)
    changed(f"UPDATE products SET stock = 0, stock_version = 8 WHERE id = {MILK}")
    changed(f"UPDATE products SET price = 77777, product_version = 8 WHERE id = {BREAD}")
    changed(f"UPDATE products SET is_active = false, product_version = 8 WHERE id = {RICE}")
    changed(f"DELETE FROM products WHERE id = {JAM}")

    async with start() as client:
        found = await popular(client)

    assert set(found) == {BREAD, TEA, SOAP}
    assert found[BREAD]["productPrice"] == "77777.00"


async def test_a_product_made_since_the_bundle_is_known_after_a_start(start, changed):
    columns = "id, sku, name, price, currency, rating, stock, is_active"
    changed(f"INSERT INTO products ({columns}) VALUES ({NEW}, 'new', 'New', 1, 'USD', 0, 1, true)")

    async with start() as client:
        assert (await client.get(f"/v1/products/{NEW}/similar")).status_code == 200


async def test_an_inactive_product_is_as_unknown_as_one_that_never_was(start, changed):
    changed(f"UPDATE products SET is_active = false, product_version = 8 WHERE id = {RICE}")

    async with start() as client:
        answers = [await client.get(f"/v1/products/{each}/similar") for each in (RICE, NEW)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert [answer.json()["detail"] for answer in answers] == [f"There is no product {each}." for each in (RICE, NEW)]


async def test_an_offer_is_that_of_catalog(start, changed):
    changed(f"INSERT INTO special_prices VALUES ({MILK}, 0.99, now() - interval '1 day', NULL)")

    async with start() as client:
        found = await popular(client)

    assert (found[MILK]["specialPrice"], found[TEA]["specialPrice"]) == ("0.99", None)  # the bundle has one of tea


async def test_an_older_event_of_the_log_undoes_nothing(start, changed, happens):
    changed(f"UPDATE products SET stock = 0, stock_version = 8 WHERE id = {MILK}")
    await happens("STOCK_CHANGED", product_id=MILK, stock=5, stock_version=7)
    await happens("STOCK_CHANGED", product_id=BREAD, stock=0, stock_version=8)

    async with start() as client:
        found = await eventually(lambda: popular(client), lambda found: BREAD not in found)
        assert MILK not in found


def is_away(_):
    raise httpx2.ConnectError("away")


def is_a_page(_):
    return httpx2.Response(200, html="")


def has_no_end(_):
    return httpx2.Response(200, headers={"Content-Type": ndjson.MEDIA_TYPE}, content=b" " * 2 * LONGEST_LINE)


@pytest.mark.parametrize("answer_of_catalog", [is_away, is_a_page, has_no_end])
async def test_while_catalog_is_away_answers_are_degraded_and_it_is_asked_again(start, catalog, answer_of_catalog):
    class Away(httpx2.ASGITransport):
        is_away = True

        async def handle_async_request(self, request):
            if self.is_away:
                return answer_of_catalog(request)
            return await super().handle_async_request(request)

    transport = Away(catalog)
    async with start(transport, is_whole=False) as client:

        async def answer():
            answer = await client.get("/v1/users/newcomer/recommendations")
            assert answer.status_code == 200
            return answer.json()

        away = await eventually(answer, lambda found: found["warnings"] == ["CATALOG_UNREAD"])
        assert away["degraded"]
        assert away["items"]

        transport.is_away = False

        await eventually(answer, lambda found: not found["degraded"])


@pytest.fixture
def landed(new_warehouse):
    """A warehouse in which events have landed, of now or so many minutes ago; gives its URL for serving."""

    def land(*events):
        warehouse = new_warehouse()
        with psycopg.connect(warehouse.owner) as connection:
            for event_type, data, *minutes in events:
                table = sql.Identifier(TOPICS[EVENTS[event_type].topic].table)
                connection.execute(
                    sql.SQL(
                        "INSERT INTO raw.{} VALUES"
                        " (gen_random_uuid(), %s, 1, clock_timestamp() - make_interval(mins => %s),"
                        " 't', 'k', %s, 't', 0, 0, DEFAULT, 1, 1)"
                    ).format(table),
                    (event_type, *(minutes or [0]), json.dumps(data)),
                )
        return warehouse.serving

    return land


async def test_what_landed_is_known_after_a_start(start, landed):
    senseless = ("PRODUCT_VIEWED", {"userId": "landed", "productId": "of no sense"})
    url = landed(senseless, ("PRODUCT_VIEWED", {"userId": "landed", "productId": SOAP}))

    async with start(warehouse_url=url) as client:
        answer = await client.get("/v1/users/landed/recommendations?shelf=CONTINUE_SHOPPING")

    assert [item["productId"] for item in answer.json()["items"]] == [SOAP]


async def test_who_a_visitor_became_is_known_after_a_start_though_the_login_landed_late(start, landed, as_user):
    view = ("PRODUCT_VIEWED", {"userId": "anon:landed", "productId": RICE})
    login = ("USER_AUTHENTICATED", {"userId": "ann", "email": "", "visitorId": "anon:landed"})
    of_the_bundle = ("USER_AUTHENTICATED", {"userId": "ann", "email": "", "visitorId": VISITOR}, 750)

    async with start(warehouse_url=landed(view, login, of_the_bundle)) as client:
        path = "/v1/users/ann/recommendations?shelf=CONTINUE_SHOPPING"
        answer = await client.get(path, headers=as_user("ann"))

    assert [item["productId"] for item in answer.json()["items"]] == [RICE, SOAP]


@pytest.mark.parametrize(
    "event",
    [
        ("USER_DELETE", {"userId": BUYER}),
        ("USER_DELETED", {"userId": BUYER}),
        ("USER_PROFILE_UPDATED", {"userId": BUYER, "personalisationConsent": False}),
    ],
    ids=["told by an action", "deleted", "without consent"],
)
async def test_whoever_was_deleted_or_does_not_consent_is_unknown_whatever_the_bundle_has(
    start, landed, as_user, event
):
    async with start(warehouse_url=landed(event)) as client:
        answer = await client.get(f"/v1/users/{BUYER}/recommendations", headers=as_user(BUYER))
        assert [item["productId"] for item in answer.json()["items"]] == list(await popular(client))


async def test_while_the_warehouse_is_away_answers_are_degraded(start):
    async with start(is_whole=False, warehouse_url="postgresql://127.0.0.1:9/warehouse") as client:

        async def warnings():
            return (await client.get("/v1/users/newcomer/recommendations")).json()["warnings"]

        assert await eventually(warnings, lambda found: found == ["LANDED_UNREAD"])


async def test_a_reading_that_fails_for_long_is_no_reason_to_start_the_process_again(monkeypatch):
    monkeypatch.setattr("services.common.runtime.worker.STALLED_AFTER", 0.5)
    monkeypatch.setattr("serving.start.RETRY_SECONDS", 0.01)
    tried_at = []

    async def fail(_):
        tried_at.append(time.monotonic())
        raise ConnectionError

    reading = InitialLoad("catalog", CATALOG_UNREAD, fail, SimpleNamespace(starts=1, failure=None))
    async with running([reading]):
        await eventually(lambda: tried_at and tried_at[-1] > tried_at[0] + 1)
        assert reading.is_alive


async def test_a_reading_may_take_long_as_long_as_it_goes_on(monkeypatch):
    monkeypatch.setattr("serving.start.SILENT_SECONDS", 1.0)
    begun = []

    async def read_much(report_progress):
        begun.append("long")
        while not silent.failure:  # which comes when the time without progress is over
            await asyncio.sleep(0.01)
            report_progress()

    async def be_silent(_):
        await asyncio.Event().wait()

    long, silent = (
        InitialLoad("landed", LANDED_UNREAD, read, SimpleNamespace(starts=1, failure=None))
        for read in (read_much, be_silent)
    )
    async with running([long, silent]):
        await eventually(lambda: long.is_complete)
    assert begun == ["long"]
