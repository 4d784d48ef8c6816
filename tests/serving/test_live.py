import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.ml.tiny_bundle import BREAD, JAM, MILK, RICE, SOAP, TEA

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


async def test_a_product_just_viewed_stands_in_continue_shopping_within_a_second(happens, shelf, eventually, user):
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)

    assert await eventually(shelf(user), lambda found: found == [RICE], seconds=1)


async def test_what_goes_into_the_cart_stands_there_until_it_is_taken_out(happens, shelf, eventually, user):
    await happens("CART_ADD", user_id=user, product_id=SOAP, quantity=1)
    await eventually(shelf(user), lambda found: found == [SOAP])

    await happens("CART_UPDATE", user_id=user, product_id=SOAP, quantity=0)

    await eventually(shelf(user), lambda found: found == [])


async def test_a_product_just_bought_leaves_recommended_within_a_second(happens, shelf, eventually, user, order):
    await happens("ORDER_COMPLETED", **order(MILK, TEA, order_id=1, user_id=user))

    found = await eventually(shelf(user, "RECOMMENDED"), lambda found: not {MILK, TEA} & set(found), seconds=1)
    assert BREAD in found


async def test_what_was_bought_leaves_continue_shopping(happens, shelf, eventually, user, order):
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)
    await eventually(shelf(user), lambda found: found == [RICE])

    await happens("ORDER_COMPLETED", **order(RICE, order_id=2, user_id=user))

    await eventually(shelf(user), lambda found: found == [])


async def test_a_cancelled_order_was_not_bought(happens, shelf, eventually, user, order):
    await happens("ORDER_COMPLETED", **order(MILK, order_id=3, user_id=user))
    await eventually(shelf(user, "RECOMMENDED"), lambda found: MILK not in found)

    await happens("ORDER_CANCELLED", order_id=3, user_id=user)

    await eventually(shelf(user, "RECOMMENDED"), lambda found: MILK in found)


async def test_what_happened_before_the_data_cut_is_in_the_bundle_and_is_skipped(happens, shelf, eventually, user):
    await happens("PRODUCT_VIEWED", at=datetime.now(UTC) - timedelta(days=2), user_id=user, product_id=MILK)
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)

    assert await eventually(shelf(user), lambda found: found) == [RICE]


async def test_an_unreadable_message_does_not_stop_the_following(settings, happens, shelf, eventually, user):
    from services.common.producer import Producer  # noqa: PLC0415 - only here is the bare producer wanted

    producer = Producer(settings)
    await producer.send("user-actions.v1", user, b"\xff no event")
    await producer.close()
    await happens("PRODUCT_VIEWED", user_id=user, product_id=RICE)

    await eventually(shelf(user), lambda found: found == [RICE])


async def test_an_offer_that_ends_is_hidden_at_once(happens, shelf, eventually):
    async def offers():
        return {*await shelf("anon:1", "SALE")(), *await shelf("anon:1", "DAILY_DEAL")()}

    assert await offers() == {TEA, JAM}

    await happens("SPECIAL_PRICE_ENDED", product_id=JAM)

    await eventually(offers, lambda found: found == {TEA})


async def test_a_product_that_sells_out_is_hidden_at_once(happens, shelf, eventually):
    await happens("STOCK_CHANGED", product_id=BREAD, stock=0)
    await eventually(shelf("anon:1", "RECOMMENDED"), lambda found: BREAD not in found)

    await happens("STOCK_CHANGED", product_id=BREAD, stock=9)
    await eventually(shelf("anon:1", "RECOMMENDED"), lambda found: BREAD in found)


async def test_a_product_made_after_the_bundle_can_be_continued(happens, shelf, eventually, user):
    await happens(
        "PRODUCT_CREATED", product_id=900, sku="900", name="New", price=Decimal("2.00"), stock=3, category_ids=(13,)
    )
    await happens("PRODUCT_VIEWED", user_id=user, product_id=900)

    await eventually(shelf(user), lambda found: found == [900])
