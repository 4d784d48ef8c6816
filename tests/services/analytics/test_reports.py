"""Reports count people, of one day or of a window, and are computed once for all who ask."""

from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import httpx2
import pytest
import pytest_asyncio

from services.analytics import reports, service, windows
from services.analytics.app import create_app
from services.analytics.external_ids import follow_catalog
from services.analytics.logins import follow_auth
from services.common.messaging.messages import read
from services.common.storage.database import Database
from services.contracts.envelope import Event
from services.contracts.registry import EVENTS

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKYO = ZoneInfo("Asia/Tokyo")
DAY = datetime(2026, 3, 29, tzinfo=UTC).date()
NOW = datetime.now(UTC)
products = count(1_000_000)


def ago(**duration):
    return NOW - timedelta(**duration)


def at(hour, minute=0, day=29):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tables(database_url):
    """The service's database, which a test fills as the consumers do."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def tell(tables):
    """Writes events to the tables."""

    def message(event_type, when, data):
        kind = EVENTS[event_type]
        event = Event.of(event_type, kind.payload(**data), producer="test", timestamp=when)
        record = SimpleNamespace(topic=kind.topic, key=str(data.get("user_id", 1)).encode(), value=event.to_bytes())
        return read(record)[0]

    async def tell(handle, *events):
        async with tables.sessions.begin() as session:
            await handle(session, [message(*event) for event in events])

    return tell


@pytest.fixture
def known(tell):
    """Tells of a product as the catalog does."""

    async def known(product, **more):
        snapshot = {"product_id": product, "sku": f"s/{product}", "name": "Tea", "price": "2.00", **more}
        await tell(follow_catalog, ("PRODUCT_CREATED", NOW, snapshot))

    return known


@pytest.fixture
def happened(tell, known):
    async def happened(*events):
        for product in {data["product_id"] for _, _, data in events if "product_id" in data}:
            await known(product)
        await tell(service.record, *events)

    return happened


@pytest.fixture
def asked(tables):
    async def asked(report, *parameters, **more):
        async with tables.sessions() as session:
            return await report(session, *parameters, **more)

    return asked


@pytest.fixture
def product():
    return next(products)


def viewed(user, product, when, **more):
    return "PRODUCT_VIEWED", when, {"user_id": user, "product_id": product, **more}


def carted(user, product, when, kind="CART_ADD"):
    return kind, when, {"user_id": user, "product_id": product, "quantity": 1}


def ordered(user, when):
    return "ORDER_COMPLETE", when, {"user_id": user, "order_id": 7}


def searched(user, keyword, *, found=3, when=None, **more):
    data = {"user_id": user, "search_keyword": keyword, "result_count": found, **more}
    return "SEARCH_BY_KEYWORD", when or ago(minutes=1), data


async def test_what_rises_against_the_window_before_is_trending_the_surest_first(happened, asked):
    steady, rising, new, fading = (next(products) for _ in range(4))
    before, now = ago(hours=30), ago(hours=2)
    people = {steady: (20, 22), rising: (1, 8), new: (0, 3), fading: (9, 1)}
    await happened(
        *(viewed(f"t{n}", each, before) for each, (past, _) in people.items() for n in range(past)),
        *(viewed(f"t{n}", each, now) for each, (_, present) in people.items() for n in range(present)),
        *(viewed("t0", steady, now) for _ in range(50)),  # one person, however often
        *(viewed(f"bot{n}", fading, now, is_bot=True) for n in range(50)),
        *(carted(f"cart{n}", new, now) for n in range(3)),
    )
    found = [row for row in await asked(reports.trending, 1, 100) if row["product_id"] in people]
    assert [(row["product_id"], row["users_before"], row["users"]) for row in found] == [
        (new, 0, 6),
        (rising, 1, 8),
        (steady, 20, 22),
    ]


async def test_what_is_sold_no_more_is_neither_popular_nor_trending(happened, asked, known, tell, product):
    async def told():
        found = [await asked(report, 1, 100) for report in (reports.popular, reports.trending)]
        return [product in [row["product_id"] for row in rows] for rows in found]

    await happened(*(viewed(f"d{n}", product, ago(minutes=5)) for n in range(50)))
    assert await told() == [True, True]
    await known(product, is_active=False)
    assert await told() == [False, False]
    await known(product)
    assert await told() == [True, True]
    await tell(follow_catalog, ("PRODUCT_DELETED", NOW, {"product_id": product, "sku": f"s/{product}"}))
    await known(product)
    assert await told() == [False, False]


@pytest.mark.parametrize("report", ["popular", "trending"])
async def test_what_is_sold_no_more_is_left_out_of_a_kept_report_at_once(nobody, happened, known, product, report):
    async def told():
        items = (await nobody.get(f"/v1/products/{report}?days=7&limit=100")).json()["items"]
        return product in [each["productId"] for each in items]

    await happened(*(viewed(f"k{n}", product, ago(minutes=5)) for n in range(50)))
    assert await told()
    await known(product, is_active=False)
    assert not await told()
    await known(product)
    assert await told()


async def test_while_the_database_is_away_a_kept_report_is_the_answer(nobody, happened, product, monkeypatch):
    async def away(*_):
        raise ConnectionError

    await happened(*(viewed(f"a{n}", product, ago(minutes=5)) for n in range(50)))
    before = (await nobody.get("/v1/products/popular?days=7&limit=100")).json()["items"]
    monkeypatch.setattr(reports, "sold", away)
    assert (await nobody.get("/v1/products/popular?days=7&limit=100")).json()["items"] == before != []


async def test_what_the_catalog_never_told_of_is_not_popular(asked, tell, product):
    await tell(service.record, *(viewed(f"u{n}", product, ago(minutes=5)) for n in range(50)))
    assert product not in [row["product_id"] for row in await asked(reports.popular, 1, 100)]


async def test_a_product_taken_back_into_the_cart_counts_as_one_put_there(happened, asked, product):
    await happened(*(carted(f"b{n}", product, ago(minutes=5), "CART_READD") for n in range(50)))
    (row,) = [row for row in await asked(reports.popular, 1, 100) if row["product_id"] == product]
    assert (row["users"], row["cart_adds"]) == (50, 50)


async def test_a_funnel_narrows_from_who_viewed_to_who_also_bought_on_a_day_of_the_shop(happened, asked, product):
    await happened(
        viewed("f-views", product, at(20, day=28)),  # 05:00 of the 29th in Tokyo
        viewed("f-carts", product, at(1)),
        viewed("f-buys", product, at(2)),
        viewed("f-tomorrow", product, at(15)),  # midnight
        *(carted(user, product, at(3)) for user in ("f-carts", "f-buys", "f-carts-alone")),
        carted("f-buys", product, at(3), "CART_READD"),
        *(ordered(user, at(4)) for user in ("f-buys", "f-buys", "f-elsewhere")),
        viewed("f-bot", product, at(5), is_bot=True),
        viewed("f-simulated", product, at(5), simulated=True),
    )
    (day,) = await asked(reports.funnel, DAY, TOKYO)
    assert day == {"date": DAY, "viewers": 3, "cart_users": 2, "buyers": 1, "orders": 3}


async def test_in_the_funnel_a_visitor_who_logs_in_is_that_user(happened, asked, tell, product):
    day = DAY + timedelta(days=7)
    told = {"user_id": "l-user", "email": "", "visitor_id": "anon:l"}
    await tell(follow_auth, ("USER_AUTHENTICATED", at(12, day=31) + timedelta(days=5), told))
    await happened(
        viewed("anon:l", product, at(11, day=31) + timedelta(days=5)),
        carted("l-user", product, at(13, day=31) + timedelta(days=5)),
        ordered("l-user", at(14, day=31) + timedelta(days=5)),
    )
    (found,) = await asked(reports.funnel, day, ZoneInfo("UTC"))
    assert (found["viewers"], found["cart_users"], found["buyers"]) == (1, 1, 1)


async def test_search_terms_are_alike_but_for_width_case_and_spaces_and_one_persons_are_not_told(happened, asked):
    await happened(
        searched("k1", "\uff27\uff32\uff25\uff25\uff2e\u3000tea"),
        searched("k2", " green  TEA "),
        searched("k2", "green tea", found=0),
        searched("k1", "Anna Example, Tokyo", found=0),
        *(searched(user, "ﾏｯﾁｬ", found=0) for user in ("k1", "k2", "k3")),
        *(searched(user, "robots", is_bot=True) for user in ("k1", "k2", "k3")),
        *(searched(user, "old", when=ago(days=2)) for user in ("k1", "k2", "k3")),
    )
    terms = {row["term"]: row for row in await asked(reports.search_terms, 1, 100, only_without_result=False)}
    assert terms["green tea"] == {"term": "green tea", "searches": 3, "users": 2, "without_result": 1}
    assert terms.keys().isdisjoint({"anna example, tokyo", "robots", "old"})
    missing = await asked(reports.search_terms, 1, 100, only_without_result=True)
    assert [(row["term"], row["without_result"]) for row in missing] == [("マッチャ", 3), ("green tea", 1)]


async def test_a_term_of_a_visitor_who_then_logs_in_is_one_persons(happened, asked, tell):
    told = {"user_id": "k-user", "email": "", "visitor_id": "anon:k"}
    await tell(follow_auth, ("USER_AUTHENTICATED", ago(minutes=3), told))
    await happened(
        searched("anon:k", "Ben Example, Osaka", when=ago(minutes=4)),
        searched("k-user", "\tben example, osaka"),
        searched("anon:other", "houjicha", when=ago(minutes=4)),
        searched("k-user", "houjicha"),
    )
    terms = {row["term"]: row["users"] for row in await asked(reports.search_terms, 1, 100, only_without_result=False)}
    assert "ben example, osaka" not in terms
    assert terms["houjicha"] == 2


async def test_a_products_statistics_are_by_day_and_in_all_with_each_person_once(
    client, happened, known, product, as_staff
):
    await known(product)
    await happened(
        *(viewed("p1", product, ago(days=each)) for each in (0, 1, 1)),
        viewed("p2", product, ago(days=1)),
        carted("p2", product, ago(days=1)),
        ("REVIEW_SUBMIT", ago(days=1), {"user_id": "p2", "product_id": product, "rating": 4}),
        viewed("p1", product, ago(days=40)),
        viewed("p1", product, ago(days=1), is_bot=True),
        viewed("p1", next(products), ago(days=1)),
    )
    answer = await client.get(f"/v1/products/sku:s%2F{product}/statistics?days=30", headers=as_staff)
    told = answer.json()
    assert (told["productId"], told["sku"], told["days"]) == (product, f"s/{product}", 30)
    assert [told[name] for name in ("views", "viewers", "cartAdds", "cartUsers", "reviews")] == [4, 2, 1, 1, 1]
    days = [(item["date"], item["views"], item["viewers"]) for item in told["items"]]
    assert days == [(f"{ago(days=1):%Y-%m-%d}", 3, 2), (f"{NOW:%Y-%m-%d}", 1, 1)]


async def test_a_product_of_which_nothing_was_done_has_statistics_and_an_unknown_one_has_none(
    client, known, product, as_staff
):
    await known(product)
    path = f"/v1/products/{product}/statistics"
    assert (await client.get(path, headers=as_staff)).json()["items"] == []
    for unknown in (product + 5_000_000, "sku:none"):
        assert (await client.get(f"/v1/products/{unknown}/statistics", headers=as_staff)).status_code == 404


REPORTS = ["/v1/funnel", "/v1/search-terms", "/v1/products/7/statistics"]


@pytest.mark.parametrize("path", REPORTS)
async def test_reports_are_for_the_shops_own_people(client, nobody, as_user, tokens, path, known):
    await known(7)
    assert (await nobody.get(path)).status_code == 401
    assert (await client.get(path, headers=as_user("2375"))).status_code == 403
    for role in ("analyst", "merchandiser", "operator", "admin"):
        headers = tokens.header(tokens.user("staff", roles=[role]))
        assert (await client.get(path, headers=headers)).status_code == 200


async def test_a_report_is_computed_once_for_all_callers_and_all_limits(client, happened, product):
    path = "/v1/products/trending?days=90&limit="
    assert (await client.get(f"{path}1")).json()["days"] == 90
    before = (await client.get(f"{path}100")).json()
    await happened(*(viewed(f"c{n}", product, ago(minutes=1)) for n in range(90)))
    assert (await client.get(f"{path}100")).json() == before


async def test_the_funnel_has_each_day_from_first_to_last_also_without_anybody(client, as_staff):
    answer = await client.get("/v1/funnel?from=2020-02-27&to=2020-03-01", headers=as_staff)
    items = answer.json()["items"]
    assert [item["date"] for item in items] == ["2020-02-27", "2020-02-28", "2020-02-29", "2020-03-01"]
    assert items[0] == {"date": "2020-02-27", "viewers": 0, "cartUsers": 0, "buyers": 0, "orders": 0}
    assert len((await client.get("/v1/funnel", headers=as_staff)).json()["items"]) == 7


@pytest.mark.parametrize(
    ("period", "field"),
    [
        ("from=2020-03-02&to=2020-03-01", "query.from"),
        ("from=2020-01-01&to=2020-02-01", "query.from"),
        ("to=2099-01-01", "query.to"),
        ("to=0", "query.to"),
        ("to=2020-13-01", "query.to"),
        ("from=1999-12-31", "query.from"),
    ],
)
async def test_a_period_that_is_none_is_refused_by_name(client, as_staff, period, field):
    answer = await client.get(f"/v1/funnel?{period}", headers=as_staff)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_a_day_begins_when_the_shops_does_also_where_clocks_change():
    berlin = ZoneInfo("Europe/Berlin")
    assert reports.day_in(berlin, DAY) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert reports.day_in(berlin, DAY + timedelta(days=1)) == datetime(2026, 3, 29, 22, tzinfo=UTC)


async def test_only_days_of_which_nothing_more_comes_are_kept_for_long():
    today = NOW.date()
    ages = [windows.seconds_of(today - timedelta(days=each), ZoneInfo("UTC")) for each in (0, 6, 9)]
    assert ages == [60, 60, 3_600]


async def test_statistics_take_one_connection_at_a_time(settings, known, as_staff, product):
    await known(product)
    app = create_app(settings)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://analytics") as client:
        pool = app.state.database.engine.pool
        taken = [await app.state.database.engine.connect() for _ in range(pool.size() + pool._max_overflow - 1)]
        answer = await client.get(f"/v1/products/{product}/statistics?days=90", headers=as_staff)
        assert answer.status_code == 200
        for each in taken:
            await each.close()
    await app.state.database.close()
