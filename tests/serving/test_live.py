import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from aiokafka import AIOKafkaProducer

from services.contracts.envelope import DisplayType
from tests.ml.tiny_bundle import BREAD, BUYER, JAM, MILK, MILK_ORDER, RICE, SOAP, TEA
from tests.serving.conftest import record
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def user():
    return f"anon:{uuid.uuid4()}"


@pytest.fixture
def shelf(client):
    """A call that gives the product ids of one shelf of a visitor."""

    def of(user_id, display_type="CONTINUE_SHOPPING"):
        async def ask():
            answer = await client.get(f"/v1/users/{user_id}/recommendations?shelf={display_type}&limit=100")
            return [item["productId"] for item in answer.json()["items"]]

        return ask

    return of


async def test_a_product_just_viewed_stands_in_continue_shopping(happens, shelf, user):
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)

    assert await eventually(shelf(user), lambda found: found == [RICE])


async def test_what_goes_into_the_cart_stands_there_until_it_is_taken_out(happens, shelf, user):
    await happens("CART_ADD", user_id=user, product_id=SOAP, quantity=1)
    await eventually(shelf(user), lambda found: found == [SOAP])

    await happens("CART_UPDATE", user_id=user, product_id=SOAP, quantity=0)

    await eventually(shelf(user), lambda found: found == [])


async def test_a_product_just_bought_leaves_recommended(happens, shelf, user, order):
    await happens("ORDER_COMPLETED", **order(MILK, TEA, order_id=1, user_id=user))

    found = await eventually(shelf(user, "RECOMMENDED"), lambda found: not {MILK, TEA} & set(found))
    assert BREAD in found


async def test_what_was_bought_leaves_continue_shopping(happens, shelf, user, order):
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)
    await eventually(shelf(user), lambda found: found == [RICE])

    await happens("ORDER_COMPLETED", **order(RICE, order_id=2, user_id=user))

    await eventually(shelf(user), lambda found: found == [])


async def test_a_cancelled_order_was_not_bought(happens, shelf, user, order):
    await happens("ORDER_COMPLETED", **order(MILK, order_id=3, user_id=user))
    await eventually(shelf(user, "RECOMMENDED"), lambda found: MILK not in found)

    await happens("ORDER_CANCELLED", order_id=3, user_id=user)

    await eventually(shelf(user, "RECOMMENDED"), lambda found: MILK in found)


async def test_cancelling_one_order_forgets_no_other(happens, shelf, user, order):
    await happens("ORDER_CANCELLED", order_id=5, user_id=user)  # its order comes later
    await happens("ORDER_COMPLETED", **order(MILK, order_id=4, user_id=user))
    await happens("ORDER_COMPLETED", **order(MILK, TEA, order_id=5, user_id=user))
    await happens("ORDER_COMPLETED", **order(BREAD, order_id=6, user_id=user))

    found = await eventually(shelf(user, "RECOMMENDED"), lambda found: BREAD not in found)

    assert (MILK in found, TEA in found) == (False, True)


async def test_an_order_from_before_the_data_cut_can_be_cancelled(app, happens):
    live = app.state.recommender.live
    assert live.state(BUYER).bought == {MILK}

    await happens("ORDER_CANCELLED", order_id=MILK_ORDER, user_id=BUYER)

    async def bought():
        return live.state(BUYER).bought

    await eventually(bought, lambda found: found == set())


async def test_what_came_back_was_not_bought(happens, shelf, user, order):
    await happens("ORDER_COMPLETED", **order(MILK, order_id=4, user_id=user))
    await eventually(shelf(user, "RECOMMENDED"), lambda found: MILK not in found)

    back = {"return_id": 1, "order_id": 4, "user_id": user, "items": [{"product_id": MILK, "quantity": 1}]}
    await happens("RETURN_COMPLETED", **back)

    await eventually(shelf(user, "RECOMMENDED"), lambda found: MILK in found)


async def test_what_happened_before_the_data_cut_is_in_the_bundle_and_is_skipped(happens, shelf, user):
    await happens("PRODUCT_VIEWED", at=datetime.now(UTC) - timedelta(days=2), user_id=user, product_id=MILK)
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)

    assert await eventually(shelf(user), lambda found: found) == [RICE]


async def test_what_a_visitor_looked_at_is_the_users_who_logs_in_and_no_longer_the_visitors(app, happens, user):
    live, moment = app.state.recommender.live, datetime.now(UTC)
    await happens("USER_AUTHENTICATED", at=moment, user_id=f"ann{user}", email="", visitor_id=user)
    for product, seconds in ((RICE, -2), (SOAP, 2), (TEA, 6)):
        await happens("PRODUCT_VIEWED", at=moment + timedelta(seconds=seconds), user_id=user, product_id=product)
    login = {"user_id": f"ben{user}", "email": "", "visitor_id": user}
    await happens("USER_AUTHENTICATED", at=moment + timedelta(seconds=4), **login)

    async def viewed():
        return [set(live.state(each).viewed) for each in (f"ann{user}", f"ben{user}", user)]

    await eventually(viewed, lambda found: found == [{RICE}, {SOAP}, {TEA}])


async def test_without_consent_a_user_gets_the_shelves_for_everyone_and_with_it_their_own_again(
    client, happens, as_user, user
):
    user = f"ann-{user[5:]}"

    async def shelf():
        path = f"/v1/users/{user}/recommendations?shelf=CONTINUE_SHOPPING"
        answer = await client.get(path, headers=as_user(user))
        return [item["productId"] for item in answer.json()["items"]]

    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)
    await eventually(shelf, lambda found: found == [RICE])
    await happens("USER_PROFILE_UPDATED", user_id=user, personalisation_consent=False, profile_version=2)
    await eventually(shelf, lambda found: found == [])
    await happens("USER_PROFILE_UPDATED", user_id=user, profile_version=3)
    await eventually(shelf, lambda found: found == [RICE])


async def test_a_shelf_that_a_user_does_not_want_is_not_on_the_page(client, happens, as_user, user):
    user = f"ann-{user[5:]}"

    async def shelves():
        answer = await client.post("/v1/pages", json={}, headers=as_user(user))
        return {shelf["displayType"] for shelf in answer.json()["shelves"]}

    assert "SALE" in await shelves()
    await happens("USER_PROFILE_UPDATED", user_id=user, opted_out_shelves=[DisplayType.SALE], profile_version=1)
    assert len(await eventually(shelves, lambda found: "SALE" not in found)) == 5


async def test_a_deleted_user_is_unknown(app, happens, user):
    live, user = app.state.recommender.live, f"ann-{user[5:]}"
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)
    await happens("USER_DELETED", user_id=user)

    async def deleted():
        return live.people.is_forgotten(user)

    await eventually(deleted)
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)
    assert live.state(user).viewed == {}


UNREADABLE = {
    "null": None,
    "no JSON": b"\xff no event",
    "no object": b"[]",
    "no data": b'{"eventType":"PRODUCT_VIEWED","timestamp":"2026-01-01T00:00:00Z"}',
    "no time": b'{"eventType":"PRODUCT_VIEWED","timestamp":"0001-01-01T00:00:00","data":{"userId":"7","productId":1}}',
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("topic", ["user-actions.v1", "catalog.v1"])
async def test_an_unreadable_message_does_not_stop_the_following(broker, happens, shelf, user, topic, value):
    sender = AIOKafkaProducer(bootstrap_servers=broker.url)
    await sender.start()
    await sender.send_and_wait(topic, value, key=user.encode())
    await sender.stop()
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)

    assert await eventually(shelf(user), lambda found: found == [RICE])


@pytest.mark.parametrize("price", ["NaN", "-1", "Infinity"])
async def test_a_price_that_is_none_is_not_taken_over(app, price):
    change = {"productId": MILK, "name": "Milk", "price": price, "stock": 1}
    live = app.state.recommender.live

    live.apply([record("catalog.v1", "PRODUCT_UPDATED", **change)])

    assert app.state.recommender.models.current.catalogue.get(MILK).price == Decimal("1.50")


async def test_a_product_whose_id_no_response_can_hold_is_not_taken_over(app):
    change = {"productId": 2**64, "name": "Milk", "price": "1", "stock": 1}

    app.state.recommender.live.apply([record("catalog.v1", "PRODUCT_CREATED", **change)])

    assert app.state.recommender.models.current.catalogue.get(2**64) is None


async def test_an_offer_that_ends_is_hidden_at_once(happens, shelf):
    async def offers():
        return {*await shelf("newcomer", "SALE")(), *await shelf("newcomer", "DAILY_DEAL")()}

    assert await offers() == {TEA, JAM}

    await happens("SPECIAL_PRICE_ENDED", product_id=JAM)

    await eventually(offers, lambda found: found == {TEA})


async def test_a_product_that_sells_out_is_hidden_at_once(happens, shelf):
    await happens("STOCK_CHANGED", product_id=BREAD, stock=0)
    await eventually(shelf("newcomer", "RECOMMENDED"), lambda found: BREAD not in found)

    await happens("STOCK_CHANGED", product_id=BREAD, stock=9)
    await eventually(shelf("newcomer", "RECOMMENDED"), lambda found: BREAD in found)


async def test_a_product_made_after_the_bundle_can_be_continued(happens, shelf, user):
    await happens(
        "PRODUCT_CREATED", product_id=900, sku="900", name="New", price=Decimal("2.00"), stock=3, category_ids=(13,)
    )
    await happens("PRODUCT_VIEWED", user_id=user, product_id=900)

    await eventually(shelf(user), lambda found: found == [900])


async def test_a_deleted_user_is_served_as_unknown_at_once(happens, client, as_user, shelf, content_service):
    async def recommended():
        answer = await client.get(f"/v1/users/{BUYER}/recommendations?limit=100", headers=as_user(BUYER))
        return [item["productId"] for item in answer.json()["items"]]

    everyones = await shelf("nobody", "RECOMMENDED")()
    assert await recommended() != everyones

    await happens("USER_DELETE", user_id=BUYER)

    await eventually(recommended, lambda found: found == everyones)
    content_service.asked.clear()
    page = await client.post("/v1/pages", json={}, headers=as_user(BUYER))
    assert page.json()["userId"] == BUYER
    assert BUYER not in content_service.asked  # the active generation still has shelves that were made for them
