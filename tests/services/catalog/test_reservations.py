import asyncio

import httpx2
import pytest
import pytest_asyncio

from services.catalog.app import create_app
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def orders(settings, tokens):
    """The running service, called by the order service."""
    app = create_app(settings.model_copy(update={"expiry_seconds": 0.05}))
    transport, caller = httpx2.ASGITransport(app), tokens.as_service("order", "catalog")
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://catalog", auth=caller) as client,
    ):
        yield client


@pytest.fixture
def create(client):
    async def new(sku, stock=10, **more):
        body = {"sku": sku, "name": f"Product {sku}", "price": "2.00", "currency": "USD", "stock": stock, **more}
        return (await client.post("/v1/products", json=body)).json()["id"]

    return new


@pytest.fixture
def stock_of(client):
    async def read(product_id):
        return (await client.get(f"/v1/products/{product_id}")).json()["stock"]

    return read


@pytest.fixture
def reserve(orders):
    async def put(name, wanted, seconds=60):
        items = [{"productId": product_id, "quantity": quantity} for product_id, quantity in wanted.items()]
        return await orders.put(f"/v1/reservations/{name}", json={"items": items, "holdSeconds": seconds})

    return put


def end(orders, name, what):
    return orders.post(f"/v1/reservations/{name}/{what}")


async def test_a_parent_is_not_sold(create, reserve):
    shirt = await create("shirt")
    small = await create("shirt-s", parentId=shirt)
    refused = await reserve("r-parent", {shirt: 1, small: 1})
    assert refused.status_code == 409
    assert refused.json()["errors"] == [{"field": "body.items.0.productId", "message": "is not sold"}]
    assert (await reserve("r-variant", {small: 1})).status_code == 200


async def test_reserved_pieces_can_be_sold_to_nobody_else(create, reserve, stock_of, events):
    tea = await create("reserved")
    answer = (await reserve("r-1", {tea: 3})).json()
    assert (answer["status"], await stock_of(tea)) == ("HELD", 7)
    assert (events(tea)[-1][0], events(tea)[-1][1]["stock"]) == ("STOCK_CHANGED", 7)


async def test_a_reservation_tells_the_price_of_the_moment(client, create, reserve):
    tea = await create("offered")
    offer = {"price": "1.50", "startDate": "2026-01-01T00:00:00Z"}
    await client.put(f"/v1/products/{tea}/special-price", json=offer)
    (line,) = (await reserve("r-2", {tea: 3})).json()["items"]
    assert (line["price"], line["amount"], line["currency"]) == ("1.50", "4.50", "USD")


async def test_a_repeated_reservation_takes_nothing_and_answers_the_same(client, create, reserve, stock_of):
    tea = await create("repeated")
    first = (await reserve("r-3", {tea: 3})).json()
    await client.patch(f"/v1/products/{tea}", json={"price": "9.00"})
    assert ((await reserve("r-3", {tea: 3})).json(), await stock_of(tea)) == (first, 7)


async def test_an_id_stands_for_the_products_that_it_was_first_used_for(create, reserve, stock_of):
    tea = await create("fixed")
    await reserve("r-4", {tea: 3})
    assert ((await reserve("r-4", {tea: 4})).status_code, await stock_of(tea)) == (409, 7)


async def test_either_all_is_reserved_or_nothing_and_the_answer_names_what_is_missing(create, reserve, stock_of):
    tea, rare, hidden = await create("enough"), await create("rare", 1), await create("hidden", isActive=False)
    answer = await reserve("r-5", {tea: 3, rare: 2, hidden: 1, 999_999: 1})
    faults = [(each["field"], each["message"]) for each in answer.json()["errors"]]
    assert (answer.status_code, faults) == (
        409,
        [
            ("body.items.1.quantity", "only 1 in stock"),
            ("body.items.2.productId", "is not sold"),
            ("body.items.3.productId", "is not sold"),
        ],
    )
    assert [await stock_of(each) for each in (tea, rare)] == [10, 1]


async def test_an_id_that_was_refused_may_be_used_again(client, create, reserve):
    tea = await create("later", 0)
    assert (await reserve("r-6", {tea: 1})).status_code == 409
    await client.put(f"/v1/products/{tea}/stock", json={"stock": 1})
    assert (await reserve("r-6", {tea: 1})).status_code == 200


async def test_products_of_two_currencies_are_not_reserved_together(create, reserve):
    dollars, yen = await create("dollars"), await create("yen", price="200", currency="JPY")
    answer = await reserve("r-7", {dollars: 1, yen: 1})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "body.items")


async def test_released_pieces_come_back_once(orders, create, reserve, stock_of):
    tea = await create("released")
    await reserve("r-8", {tea: 3})
    for _ in range(2):
        assert (await end(orders, "r-8", "release")).json()["status"] == "RELEASED"
    assert await stock_of(tea) == 10


async def test_what_was_released_before_it_was_made_is_never_made(orders, create, reserve, stock_of):
    tea = await create("too-late")
    await end(orders, "r-9", "release")
    assert ((await reserve("r-9", {tea: 3})).status_code, await stock_of(tea)) == (409, 10)


async def test_a_committed_reservation_does_not_expire(orders, create, reserve, stock_of):
    sold, held = await create("sold"), await create("held")
    await reserve("r-10", {sold: 3}, seconds=1)
    assert (await end(orders, "r-10", "commit")).json()["status"] == "COMMITTED"
    await reserve("r-11", {held: 3}, seconds=1)
    await eventually(lambda: stock_of(held), lambda stock: stock == 10)
    assert await stock_of(sold) == 7


async def test_an_expired_reservation_cannot_be_committed(orders, create, reserve, stock_of):
    tea = await create("expired")
    await reserve("r-12", {tea: 3}, seconds=1)
    await eventually(lambda: stock_of(tea), lambda stock: stock == 10)
    assert (await end(orders, "r-12", "commit")).status_code == 409


async def test_a_return_comes_into_the_stock_once(orders, create, stock_of):
    tea = await create("returned")
    for _ in range(2):
        body = {"items": [{"productId": tea, "quantity": 2}, {"productId": 999_999, "quantity": 1}]}
        assert (await orders.put("/v1/restocks/return-1", json=body)).status_code == 204
    assert await stock_of(tea) == 12


async def test_fifty_buyers_get_the_ten_pieces_that_there_are(create, reserve, stock_of):
    tea, cup = await create("wanted", 10), await create("beside", 1_000)
    orders = [{tea: 1, cup: 1} if buyer % 2 else {cup: 1, tea: 1} for buyer in range(50)]
    answers = await asyncio.gather(*(reserve(f"b-{buyer}", each) for buyer, each in enumerate(orders)))
    got = [each.status_code for each in answers].count(200)
    assert (got, await stock_of(tea), await stock_of(cup)) == (10, 0, 990)


async def test_one_id_reserved_by_two_at_once_takes_the_pieces_once(create, reserve, stock_of):
    tea = await create("at-once")
    answers = await asyncio.gather(*(reserve("r-13", {tea: 3}) for _ in range(5)))
    assert ({each.status_code for each in answers}, await stock_of(tea)) == ({200}, 7)


async def test_only_the_order_service_reserves(client):
    answer = await client.put("/v1/reservations/r-14", json={"items": [{"productId": 1, "quantity": 1}]})
    assert answer.status_code == 403
