"""Reviews by who bought a product: rules, ratings, moderation, and the entrances."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
import pytest_asyncio

from services.common.messaging.producer import Producer
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductAction
from services.contracts.events.identity import UserDeleted
from services.contracts.events.order import OrderCancelled, OrderLine, OrderSnapshot
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
CARD = "4111 1111 1111 1111"


@pytest_asyncio.fixture(loop_scope="module")
async def send(settings):
    """To publish an event; gives its id."""
    producer = Producer(settings)

    async def publish(topic, key, event_type, told, at=None):
        event = Event.of(event_type, told, producer="test", timestamp=at)
        await producer.send(topic, str(key), event.to_bytes())
        return event.event_id

    yield publish
    await producer.close()


@pytest.fixture
def rows(database_url):
    def of(query, *values):
        with psycopg.connect(database_url) as connection:
            return connection.execute(query, values).fetchall()

    return of


@pytest.fixture
def buys(send, rows):
    """A user buys products; gives back when the catalog knows."""

    async def buy(user_id, *product_ids, is_awaited=True, order_id=1):
        lines = [OrderLine(product_id=each, quantity=1, price=Decimal(1), amount=Decimal(1)) for each in product_ids]
        order = OrderSnapshot(order_id=order_id, user_id=user_id, items=lines, total_amount=Decimal(1))
        await send("order.v1", order_id, "ORDER_COMPLETED", order)
        if is_awaited:
            query = "SELECT product_id FROM purchases WHERE user_id = %s"
            await eventually(
                lambda: set(rows(query, user_id)), lambda found: found >= {(each,) for each in product_ids}
            )

    return buy


@pytest.fixture
def cancels(send):
    async def cancel(user_id, order_id=1):
        await send("order.v1", order_id, "ORDER_CANCELLED", OrderCancelled(order_id=order_id, user_id=user_id))

    return cancel


@pytest.fixture
def product(client):
    """A new product's id."""

    async def new(sku, **more):
        answer = await client.post("/v1/products", json={"sku": sku, "name": "Tea", "price": "2.00", **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return new


@pytest.fixture
def ask(client, tokens):
    """A request of a user, or of everybody."""

    async def of(user_id, method, path, *, roles=(), **options):
        headers = {"Authorization": f"Bearer {tokens.user(user_id, roles=list(roles))}"} if user_id else {}
        return await client.request(method, path, headers=headers, auth=None, **options)

    return of


@pytest.fixture
def review(ask):
    async def put(user_id, product_id, rating, text=None):
        path = f"/v1/products/{product_id}/reviews/mine"
        return await ask(user_id, "PUT", path, json={"rating": rating, "text": text})

    return put


@pytest.fixture
def mine(ask):
    async def read(user_id, product_id):
        answer = await ask(user_id, "GET", f"/v1/products/{product_id}/reviews/mine")
        assert answer.status_code == 200
        return answer.json()

    return read


@pytest.fixture
def submits(send):
    """Another entrance submits a review."""

    async def submit(user_id, product_id, rating, text=None, at=None, **more):
        told = ProductAction(user_id=user_id, product_id=product_id, rating=rating, review_text=text, **more)
        return await send("user-actions.v1", user_id, "REVIEW_SUBMIT", told, at)

    return submit


@pytest.fixture
def moderates(ask):
    async def moderate(review_id, **change):
        return await ask("mia", "PATCH", f"/v1/reviews/{review_id}", roles=["merchandiser"], json=change)

    return moderate


@pytest.fixture
def rated(client):
    async def read(product_id):
        found = (await client.get(f"/v1/products/{product_id}")).json()
        return found["rating"], found["ratingCount"]

    return read


@pytest.fixture
def shown(ask):
    """What everybody reads of a product."""

    async def read(product_id):
        found = (await ask(None, "GET", f"/v1/products/{product_id}/reviews")).json()
        return [(each["rating"], each["text"]) for each in found["items"]]

    return read


async def test_who_bought_a_product_reviews_it_and_everybody_reads_that(product, buys, review, shown, ask):
    tea = await product("r tea")
    await buys("ann", tea)
    answer = await review("ann", tea, 4, "Good.\nI drink it daily.")
    assert (answer.status_code, answer.json()["isHidden"]) == (200, False)
    assert await shown(tea) == [(4, "Good.\nI drink it daily.")]
    (public,) = (await ask(None, "GET", f"/v1/products/{tea}/reviews")).json()["items"]
    assert "ann" not in json.dumps(public), "nobody is told who wrote it"


async def test_lines_end_as_those_of_any_system_and_what_shows_nothing_is_no_text(product, buys, review, shown):
    tea = await product("r line ends")
    await buys("ada", tea)
    await review("ada", tea, 4, "Good.\r\nEvery\rday.")
    assert await shown(tea) == [(4, "Good.\nEvery\nday.")]
    await review("ada", tea, 4, " \u200b\n")
    assert await shown(tea) == [(4, None)]


async def test_who_did_not_buy_it_may_not(product, review, shown, mine):
    tea = await product("r not bought")
    answer = await review("bob", tea, 1, "Bad")
    assert (answer.status_code, answer.json()["title"]) == (403, "Not bought")
    assert await mine("bob", tea) == {"canReview": False, "review": None}
    assert await shown(tea) == []


async def test_a_product_that_is_not_sold_is_to_strangers_as_one_that_is_not_there(product, buys, review, ask):
    hidden = await product("r not sold", isActive=False)
    await buys("ida", hidden)
    paths = [f"/v1/products/{name}/reviews" for name in ("sku:r not sold", "sku:r unknown", hidden, 999_999)]
    for method, end, more in (("GET", "", {}), ("GET", "/mine", {}), ("PUT", "/mine", {"json": {"rating": 1}})):
        answers = [await ask("joe", method, f"{path}{end}", **more) for path in paths]
        told = [(each.status_code, each.json()["detail"]) for each in answers]
        assert told == [(404, f"There is no product {path.split('/')[3]}.") for path in paths]
    assert (await review("ida", hidden, 4)).status_code == 200


async def test_who_cancelled_the_order_may_not_and_the_review_goes(  # noqa: PLR0913, PLR0917 - fixtures
    product, buys, cancels, review, shown, rated, mine, events
):
    tea = await product("r cancelled")
    for user_id in ("ben", "cal"):
        await buys(user_id, tea)
    await review("ben", tea, 1, "never had it")
    await review("cal", tea, 5)
    await cancels("ben")
    await eventually(lambda: rated(tea), lambda found: found == (5.0, 1))
    assert await shown(tea) == [(5, None)]
    assert "REVIEW_DELETED" in [kind for kind, _ in events(tea)]
    assert (await review("ben", tea, 1)).json()["title"] == "Not bought"
    assert await mine("ben", tea) == {"canReview": False, "review": None}


async def test_who_cancelled_one_order_may_review_what_another_one_has(product, buys, cancels, review, rows):
    tea, coffee = await product("r bought twice"), await product("r bought once")
    await buys("deb", tea, coffee, order_id=21)
    await buys("deb", tea, order_id=22)
    answers = [await review("deb", each, 4) for each in (tea, coffee)]
    assert [each.status_code for each in answers] == [200, 200]
    await cancels("deb", 21)
    left = "SELECT product_id FROM reviews WHERE user_id = 'deb'"
    await eventually(lambda: rows(left), lambda found: found == [(tea,)])
    assert (await review("deb", tea, 3)).status_code == 200


async def test_an_order_that_is_told_after_its_cancellation_was_not_bought(product, buys, cancels, review):
    tea = await product("r cancelled before")
    await cancels("flo")
    await buys("flo", tea, is_awaited=False)
    await buys("gus", tea)
    assert [(await review(user, tea, 1)).status_code for user in ("flo", "gus")] == [403, 200]


async def test_who_cancelled_a_variant_does_not_review_its_parent(product, buys, cancels, review, rated):
    parent = await product("r cancelled parent")
    small = await product("r cancelled small", parentId=parent)
    await buys("eli", small)
    await review("eli", parent, 1)
    await cancels("eli")
    await eventually(lambda: rated(parent), lambda found: found[1] == 0)
    assert (await review("eli", parent, 1)).status_code == 403


async def test_a_hidden_review_stays_when_its_order_is_cancelled(product, buys, cancels, review, moderates, rows):
    tea = await product("r hidden cancelled")
    await buys("fay", tea)
    review_id = (await review("fay", tea, 1, "rude")).json()["reviewId"]
    await moderates(review_id, isHidden=True, reason="insults")
    await cancels("fay")
    await eventually(lambda: rows("SELECT 1 FROM purchases WHERE user_id = 'fay'"), lambda found: not found)
    again = await moderates(review_id, isHidden=False)
    assert (again.status_code, again.json()["title"]) == (409, "Nothing bought")
    assert rows("SELECT is_hidden FROM reviews WHERE user_id = 'fay'") == [(True,)]


async def test_who_bought_a_variant_reviews_its_parent(product, buys, review):
    parent = await product("r parent")
    small = await product("r small", parentId=parent)
    await buys("cat", small)
    assert (await review("cat", parent, 5)).status_code == 200


async def test_a_buyer_has_one_review_which_may_be_changed_and_deleted(product, buys, review, shown, ask, mine, rated):
    tea = await product("r changed")
    await buys("dan", tea)
    assert await mine("dan", tea) == {"canReview": True, "review": None}
    first, second = await review("dan", tea, 2, "Weak"), await review("dan", tea, 5, "I was wrong")
    assert first.json()["reviewId"] == second.json()["reviewId"]
    assert await shown(tea) == [(5, "I was wrong")]
    assert await mine("dan", tea) == {"canReview": True, "review": second.json()}
    assert (await ask("dan", "DELETE", f"/v1/products/{tea}/reviews/mine")).status_code == 204
    assert await mine("dan", tea) == {"canReview": True, "review": None}
    assert (await shown(tea), await rated(tea)) == ([], (0.0, 0))


@pytest.mark.parametrize(
    "body",
    [
        {"rating": 0}, {"rating": 6}, {"rating": 4.5}, {"rating": None}, {"text": "no rating"},
        {"rating": True}, {"rating": "4"},
        {"rating": 4, "text": "x" * 2_001}, {"rating": 4, "text": "bell\x07"}, {"rating": 4, "text": "nul\x00"},
        {"rating": 4, "text": f"my card is {CARD}"}, {"rating": 4, "title": "unknown field"},
    ],
)  # fmt: skip
async def test_what_is_no_review_is_refused(ask, body):
    assert (await ask("eve", "PUT", "/v1/products/1/reviews/mine", json=body)).status_code == 422


async def test_the_rating_of_a_product_is_the_average_of_its_reviews(product, buys, review, rated, events):
    tea = await product("r rated", rating=1.5)
    assert await rated(tea) == (1.5, 0), "what the shop uploaded holds until the first review"
    for user_id, rating in (("f1", 5), ("f2", 4), ("f3", 4)):
        await buys(user_id, tea)
        await review(user_id, tea, rating)
    assert await rated(tea) == (4.33, 3)
    kind, data = [each for each in events(tea) if each[0].startswith("PRODUCT")][-1]
    assert (kind, data["rating"], data["ratingCount"]) == ("PRODUCT_UPDATED", 4.33, 3)


async def test_an_uploaded_rating_does_not_replace_that_of_reviews(client, product, buys, review, rated):
    tea = await product("r uploaded")
    await buys("gus", tea)
    await review("gus", tea, 2)
    await client.patch(f"/v1/products/{tea}", json={"rating": 5, "name": "New"})
    assert await rated(tea) == (2.0, 1)


async def test_ten_reviews_at_once_are_all_counted(product, buys, review, rated, client):
    tea = await product("r at once", stock=7)
    users = [f"h{number}" for number in range(10)]
    for user_id in users:
        await buys(user_id, tea)
    stock = client.patch(f"/v1/products/{tea}/stock", json={"change": -1})
    await asyncio.gather(stock, *(review(user_id, tea, 1 + at % 5) for at, user_id in enumerate(users)))
    assert await rated(tea) == (3.0, 10)
    assert (await client.get(f"/v1/products/{tea}")).json()["stock"] == 6


async def test_two_reviews_of_a_user_at_once_are_one(product, buys, review, shown, rated):
    tea = await product("r twice")
    await buys("ida", tea)
    answers = await asyncio.gather(*(review("ida", tea, rating) for rating in (3, 4)))
    assert [each.status_code for each in answers] == [200, 200]
    assert len(await shown(tea)) == 1
    assert (await rated(tea))[1] == 1


async def test_a_hidden_review_is_not_shown_nor_counted_and_says_who_hid_it_and_why(  # noqa: PLR0913, PLR0917 - fixtures
    product, buys, review, shown, rated, moderates, mine, events
):
    tea = await product("r hidden")
    await buys("jan", tea)
    review_id = (await review("jan", tea, 1, "rude words")).json()["reviewId"]
    answer = await moderates(review_id, isHidden=True, reason="insults")
    (done,) = answer.json()["moderations"]
    assert (done["by"], done["reason"], done["isHidden"]) == ("mia", "insults", True)
    assert (await shown(tea), await rated(tea)) == ([], (0.0, 0))
    assert (await mine("jan", tea))["review"]["isHidden"] is True
    hidden = [data for kind, data in events(tea) if kind == "REVIEW_UPDATED"][-1]
    assert (hidden["isHidden"], hidden["reviewVersion"]) == (True, 2)
    assert "insults" not in json.dumps(events(tea)), "its topic keeps everything"
    await moderates(review_id, isHidden=False)
    assert (await shown(tea), await rated(tea)) == ([(1, "rude words")], (1.0, 1))


async def test_a_hidden_review_stays_hidden_whatever_its_author_does(product, buys, review, shown, moderates, ask):
    tea = await product("r stays hidden")
    await buys("kim", tea)
    await moderates((await review("kim", tea, 1, "rude")).json()["reviewId"], isHidden=True, reason="insults")
    assert (await ask("kim", "DELETE", f"/v1/products/{tea}/reviews/mine")).status_code == 409
    await review("kim", tea, 1, "ruder")
    assert await shown(tea) == []


async def test_a_review_is_hidden_with_a_reason_and_by_merchandisers_only(product, buys, review, moderates, ask):
    tea = await product("r reason")
    await buys("leo", tea)
    review_id = (await review("leo", tea, 3)).json()["reviewId"]
    assert (await moderates(review_id, isHidden=True)).status_code == 422
    change = {"isHidden": True, "reason": "mine"}
    assert (await ask("leo", "PATCH", f"/v1/reviews/{review_id}", json=change)).status_code == 403
    assert (await moderates(999_999, isHidden=False)).status_code == 404


async def test_merchandisers_list_reviews_by_product_and_hidden_ones(product, buys, review, moderates, ask):
    tea = await product("r listed")
    for user_id in ("m1", "m2", "m3"):
        await buys(user_id, tea)
        last = (await review(user_id, tea, 3)).json()["reviewId"]
    await moderates(last, isHidden=True, reason="spam")

    async def users(query):
        path = f"/v1/reviews?productId={tea}{query}"
        return [each["userId"] for each in (await ask("mia", "GET", path, roles=["merchandiser"])).json()["items"]]

    assert (await users(""), await users("&hidden=true"), await users("&limit=1")) == (
        ["m3", "m2", "m1"],
        ["m3"],
        ["m3"],
    )


async def test_pages_of_reviews_follow_each_other(product, buys, review, ask):
    tea = await product("r pages")
    for number in range(3):
        await buys(f"p{number}", tea)
        await review(f"p{number}", tea, 3, str(number))
    path, found = f"/v1/products/{tea}/reviews?limit=2", []
    while path:
        page = (await ask(None, "GET", path)).json()
        found += [each["text"] for each in page["items"]]
        path = f"/v1/products/{tea}/reviews?limit=2&cursor={page['nextCursor']}" if page["nextCursor"] else None
    assert found == ["2", "1", "0"]


async def test_reviews_are_listed_by_when_they_were_written(product, buys, review, submits, rated, ask):
    tea = await product("r history")
    await buys("abe", tea)
    await review("abe", tea, 5, "of today")
    for user_id, day in (("bea", 2), ("cid", 1)):
        await buys(user_id, tea)
        await submits(user_id, tea, 3, f"of January {day}", at=LONG_AGO + timedelta(days=day))
    await eventually(lambda: rated(tea), lambda found: found[1] == 3)
    path, cursor, found = f"/v1/products/{tea}/reviews?limit=1", "", []
    while cursor is not None:
        page = (await ask(None, "GET", path + cursor)).json()
        found += [each["text"] for each in page["items"]]
        cursor = page["nextCursor"] and f"&cursor={page['nextCursor']}"
    assert found == ["of today", "of January 2", "of January 1"]


async def test_a_review_is_told_on_the_action_log_once_and_does_not_come_back(  # noqa: PLR0913, PLR0917 - fixtures
    product, buys, review, submits, ask, rows, rated, shown
):
    tea, last = await product("r told"), await product("r told after it")
    await buys("ned", tea, last)
    await review("ned", tea, 4, "Fine")
    await review("ned", tea, 4, "Fine")
    await ask("ned", "DELETE", f"/v1/products/{tea}/reviews/mine")
    await submits("ned", last, 3)
    await eventually(lambda: rated(last), lambda found: found[1] == 1)
    told = (
        "SELECT value, published_at IS NOT NULL, event_id FROM outbox WHERE topic = 'user-actions.v1' AND key = 'ned'"
    )
    ((value, _, event_id),) = await eventually(lambda: rows(told), lambda found: found and found[0][1])
    event = json.loads(value)
    assert (event["eventType"], event["data"]["rating"], event["data"]["reviewText"]) == ("REVIEW_SUBMIT", 4, "Fine")
    handled = "SELECT consumer FROM inbox WHERE event_id = %s"
    assert rows(handled, event_id) == [("catalog.reviews",)], "so that the consumer passes it over"
    assert await shown(tea) == []


async def test_a_review_of_another_entrance_is_one_by_the_same_rules(product, buys, submits, shown, rated, rows):
    tea = await product("r entrance")
    await buys("ole", tea)
    await submits("ole", tea, 2.5, "half")
    await submits("ole", tea, 3, f"card {CARD}")
    await submits("ole", tea, 1, "a program", is_bot=True)
    await submits("ole", tea, 5, "by the importer\r\nof Windows")
    await eventually(lambda: rated(tea), lambda found: found == (5.0, 1))
    assert await shown(tea) == [(5, "by the importer\nof Windows")]
    assert rows("SELECT count(*) FROM outbox WHERE topic = 'user-actions.v1' AND key = 'ole'") == [(0,)]


async def test_an_older_review_of_the_log_does_not_replace_a_newer_one(product, buys, review, submits, shown, rated):
    tea, last = await product("r older"), await product("r the last")
    await buys("pam", tea, last)
    await review("pam", tea, 4, "of today")
    await submits("pam", tea, 1, "of January", at=LONG_AGO)
    await submits("pam", last, 1, at=LONG_AGO + timedelta(days=1))
    await eventually(lambda: rated(last), lambda found: found[1] == 1)
    assert await shown(tea) == [(4, "of today")]


async def test_a_review_that_arrives_before_its_purchase_waits_for_it(product, buys, submits, rows, rated, shown):
    tea = await product("r early")
    await submits("quin", tea, 2, "first words")
    await submits("quin", tea, 3, "last words")
    waiting = "SELECT text FROM early_reviews WHERE user_id = 'quin'"
    await eventually(lambda: rows(waiting), lambda found: found == [("last words",)])
    assert await shown(tea) == []
    await buys("quin", tea)
    await eventually(lambda: rated(tea), lambda found: found == (3.0, 1))
    assert rows(waiting) == []


async def test_of_two_reviews_that_wait_the_newer_one_counts_whichever_came_last(product, buys, submits, rows, shown):
    tea = await product("r two wait")
    await submits("wes", tea, 5, "Newer", LONG_AGO + timedelta(days=1))
    await submits("wes", tea, 1, "Older", LONG_AGO)
    other = await product("r two wait, other")
    await submits("wes", other, 3, "Seen", LONG_AGO)
    waiting = "SELECT rating FROM early_reviews WHERE user_id = 'wes' ORDER BY rating"
    await eventually(lambda: rows(waiting), lambda found: found == [(3,), (5,)])
    await buys("wes", tea)
    assert await eventually(lambda: shown(tea)) == [(5, "Newer")]
    assert rows(waiting) == [(3,)]


async def test_a_review_of_a_parent_waits_for_a_variant_of_it(product, buys, submits, rows, shown):
    parent = await product("r parent waits")
    variant = await product("r variant of it", parentId=parent)
    await submits("pia", parent, 4, "All sizes", LONG_AGO)
    await eventually(lambda: rows("SELECT FROM early_reviews WHERE user_id = 'pia'"))
    await buys("pia", variant)
    assert await eventually(lambda: shown(parent)) == [(4, "All sizes")]


async def test_of_what_waits_of_a_user_the_newest_thousand_stay(product, submits, rows):
    tea, last = await product("r flood, first"), await product("r flood, last")
    rows(
        "WITH ids AS (INSERT INTO products (sku, name, price, currency, rating, stock, is_active)"
        " SELECT 'flood ' || n, 'Tea', 1, 'EUR', 0, 0, true FROM generate_series(1, 1000) AS n RETURNING id)"
        " INSERT INTO early_reviews (user_id, product_id, rating, submitted_at) SELECT 'flo', id, 1, %s FROM ids"
        " RETURNING 1",
        LONG_AGO,
    )
    await submits("flo", tea, 2, "Too old", LONG_AGO - timedelta(days=1))
    await submits("flo", last, 3, "Kept", LONG_AGO + timedelta(days=1))
    waiting = "SELECT count(*), max(rating), bool_or(rating = 2) FROM early_reviews WHERE user_id = 'flo'"
    assert await eventually(lambda: rows(waiting), lambda found: found[0][1] == 3) == [(1000, 3, False)]


async def test_a_guests_order_lets_nobody_review(product, buys, rows):
    tea = await product("r guest")
    await buys("anon:1", tea, is_awaited=False)
    await buys("rob", tea)
    assert rows("SELECT user_id FROM purchases WHERE product_id = %s", tea) == [("rob",)]


async def test_a_deleted_user_leaves_no_review_and_no_purchase(  # noqa: PLR0913, PLR0917 - fixtures
    product, buys, cancels, review, submits, send, rows, rated, events, shown
):
    tea, other = await product("r erased"), await product("r erased early")
    for user_id in ("sam", "tom"):
        await buys(user_id, tea)
    await cancels("sam", 2)
    await review("sam", tea, 1, "secret")
    await review("tom", tea, 5)
    await submits("sam", other, 5)
    await eventually(lambda: rows("SELECT 1 FROM early_reviews WHERE user_id = 'sam'"), bool)
    await send("auth.v1", "sam", "USER_DELETED", UserDeleted(user_id="sam"))
    await eventually(lambda: events("sam"), lambda found: found[-1:] and found[-1][0] == "USER_DATA_ERASED")
    assert (await shown(tea), await rated(tea)) == ([(5, None)], (5.0, 1))
    assert "REVIEW_DELETED" in [kind for kind, _ in events(tea)]
    await buys("sam", tea, is_awaited=False)
    await cancels("sam")
    await buys("uwe", tea)
    tables = ("purchases", "cancelled_orders", "reviews", "early_reviews")
    assert [name for name in tables if rows(f"SELECT 1 FROM {name} WHERE user_id = 'sam'")] == []


async def test_a_deleted_merchandisers_id_does_not_stay_with_what_was_hidden(
    product, buys, review, moderates, ask, send, events
):
    tea = await product("r erased merchandiser")
    await buys("xia", tea)
    review_id = (await review("xia", tea, 1, "rude")).json()["reviewId"]
    await ask("max", "PATCH", f"/v1/reviews/{review_id}", roles=["admin"], json={"isHidden": True, "reason": "insults"})
    await moderates(review_id, isHidden=False)
    await send("auth.v1", "max", "USER_DELETED", UserDeleted(user_id="max"))
    await eventually(lambda: events("max"), lambda found: found[-1:] and found[-1][0] == "USER_DATA_ERASED")
    first, second = (await moderates(review_id, isHidden=False)).json()["moderations"]
    assert (first["by"].startswith("erased:"), first["reason"], second["by"]) == (True, "insults", "mia")


async def test_what_waits_for_a_purchase_for_100_days_is_given_up(product, buys, submits, rows, rated, database_url):
    tea, last = await product("r given up"), await product("r after it")
    await submits("yan", tea, 2)
    waiting = "SELECT 1 FROM early_reviews WHERE user_id = 'yan'"
    await eventually(lambda: rows(waiting), bool)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE early_reviews SET received_at = now() - interval '101 days' WHERE user_id = 'yan'")
    await buys("zoe", last)
    await submits("zoe", last, 5)
    await eventually(lambda: rated(last), lambda found: found[1] == 1)
    assert rows(waiting) == []


async def test_the_export_has_a_users_reviews_purchases_and_moderations(  # noqa: PLR0913, PLR0917 - fixtures
    product, buys, review, submits, ask, rows, client, tokens
):
    tea, coffee = await product("r exported"), await product("r exported early")
    await buys("vic", tea)
    review_id = (await review("vic", tea, 4, "Fine")).json()["reviewId"]
    await submits("vic", coffee, 2, "Bitter")
    await eventually(lambda: rows("SELECT 1 FROM early_reviews WHERE user_id = 'vic'"), bool)
    hidden = {"isHidden": True, "reason": "my own"}
    await ask("vic", "PATCH", f"/v1/reviews/{review_id}", roles=["merchandiser"], json=hidden)
    answer = await client.get("/v1/exports/vic", auth=tokens.as_service("profile", "catalog"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["boughtProductIds"] == [tea]
    assert [(each["rating"], each["text"]) for each in answer.json()["reviews"]] == [(4, "Fine")]
    (waits,), (done,) = answer.json()["waitingReviews"], answer.json()["moderations"]
    assert (waits["productId"], waits["rating"], waits["text"]) == (coffee, 2, "Bitter")
    assert (done["reviewId"], done["reason"]) == (review_id, "my own")


async def test_reviews_of_a_deleted_product_are_gone_with_it(product, buys, review, client, ask):
    tea = await product("r deleted")
    await buys("wim", tea)
    await review("wim", tea, 4)
    assert (await client.delete(f"/v1/products/{tea}")).status_code == 204
    assert (await ask(None, "GET", f"/v1/products/{tea}/reviews")).status_code == 404
    assert (await review("wim", tea, 4)).status_code == 404
