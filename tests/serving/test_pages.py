import pytest

from tests.ml.tiny_bundle import BREAD, BUYER, GONE, JAM, MILK, RICE, SOAP, TEA, VISITOR
from tests.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("content_service")]


def item(product_id, source="model", **fields):
    return {
        "productId": product_id,
        "productName": "Product",
        "productPrice": "9.00",
        "specialPrice": None,
        "currency": "USD",
        "rating": 0.0,
        "image": None,
        "categoryId": 1,
        "categoryName": "A",
        "rank": 1,
        "score": None,
        "reason": None,
        "source": source,
    } | fields


@pytest.fixture
def page(client):
    async def ask(user_id, **more):
        answer = await client.post("/v1/pages", json={"userId": user_id, **more})
        assert answer.status_code == 200
        return answer.json()

    return ask


def ids(page, display_type):
    [shelf] = [shelf for shelf in page["shelves"] if shelf["displayType"] == display_type]
    return [item["productId"] for item in shelf["items"]]


async def test_a_page_holds_all_shelves_and_no_product_twice(page, content_service):
    found = await page(BUYER)

    assert [shelf["displayType"] for shelf in found["shelves"]] == [
        "CONTINUE_SHOPPING",
        "REPURCHASE",
        "RECOMMENDED",
        "SALE",
        "DAILY_DEAL",
        "RECOMMENDED_CATEGORY",
    ]
    everything = [each["productId"] for shelf in found["shelves"] for each in shelf["items"]]
    assert len(everything) == len(set(everything))
    assert BUYER in content_service.asked
    assert content_service.callers == {"serving"}  # shoppers are not told what is hidden
    assert (found["generation"], found["degraded"]) == ("g-active", False)


async def test_a_pinned_product_stands_first_and_nowhere_else(page, content_service):
    content_service.says |= {"shelves": [{"displayType": "SALE", "title": "On sale", "items": [item(RICE, "manual")]}]}

    found = await page(BUYER)

    assert ids(found, "SALE")[0] == RICE
    assert RICE not in ids(found, "RECOMMENDED")


async def test_a_hidden_product_stands_nowhere(page, content_service):
    content_service.says |= {"hidden": [MILK]}

    found = await page(BUYER)

    assert ids(found, "REPURCHASE") == [BREAD]


async def test_the_active_generation_fills_a_short_shelf(page, content_service):
    rows = [item(SOAP), item(900, reason="You bought this 3 times")]
    content_service.says |= {"shelves": [{"displayType": "REPURCHASE", "title": "", "items": rows}]}

    found = await page(BUYER, excludeIds=[SOAP])

    assert ids(found, "REPURCHASE") == [MILK, BREAD, 900]
    assert [each["rank"] for each in found["shelves"][1]["items"]] == [1, 2, 3]


async def test_of_the_variants_in_the_active_generation_one_fills_a_shelf(page, content_service, happens):
    rows = [item(each) for each in (9_001, 9_002, 9_000)]
    content_service.says |= {"shelves": [{"displayType": "REPURCHASE", "title": "", "items": rows}]}
    shirt = {"name": "Shirt", "price": "5", "currency": "USD", "stock": 1, "product_version": 1, "stock_version": 1}
    for each, parent in ((9_000, None), (9_001, 9_000), (9_002, 9_000)):
        await happens("PRODUCT_CREATED", product_id=each, sku=str(each), parent_id=parent, **shirt)

    await eventually(lambda: page("shirts"), lambda found: ids(found, "REPURCHASE") == [9_001])


async def test_a_variant_of_a_hidden_parent_fills_no_shelf(page, content_service, happens):
    shelf = {"displayType": "REPURCHASE", "title": "", "items": [item(9_201), item(900)]}
    content_service.says |= {"shelves": [shelf], "hidden": [9_200]}
    shirt = {"name": "Shirt", "price": "5", "currency": "USD", "stock": 1, "product_version": 1, "stock_version": 1}
    for each, parent in ((9_200, None), (9_201, 9_200), (9_202, 9_200)):
        await happens("PRODUCT_CREATED", product_id=each, sku=str(each), parent_id=parent, **shirt)

    await eventually(lambda: page("shirts"), lambda found: ids(found, "REPURCHASE") == [900])


async def test_who_excludes_a_variant_excludes_its_pinned_sibling(page, content_service, happens):
    pins = [item(9_101, "manual"), item(RICE, "manual")]
    content_service.says |= {"shelves": [{"displayType": "SALE", "title": "", "items": pins}]}
    shirt = {"name": "Shirt", "price": "5", "currency": "USD", "stock": 1, "product_version": 1, "stock_version": 1}
    for each, parent in ((9_100, None), (9_101, 9_100), (9_102, 9_100)):
        await happens("PRODUCT_CREATED", product_id=each, sku=str(each), parent_id=parent, **shirt)

    async def pinned():
        return [ids(await page("shirts", excludeIds=exclude), "SALE")[:2] for exclude in ([], [9_102])]

    await eventually(pinned, lambda found: found[0] == [9_101, RICE] and found[1][:1] == [RICE])


async def test_a_product_pinned_on_two_shelves_stands_once(page, content_service):
    pins = [{"displayType": shelf, "title": "", "items": [item(RICE, "manual")]} for shelf in ("SALE", "RECOMMENDED")]
    content_service.says |= {"shelves": pins}

    found = await page(BUYER)

    assert (ids(found, "RECOMMENDED")[0], RICE in ids(found, "SALE")) == (RICE, False)


async def test_a_pinned_product_is_shown_as_it_is_now_unless_it_was_deleted(page, content_service):
    pins = [item(RICE, "manual", productName="Old name"), item(GONE, "manual")]
    content_service.says |= {"shelves": [{"displayType": "SALE", "title": "", "items": pins}]}

    sale = (await page(BUYER))["shelves"][3]["items"]

    assert sale[0]["productName"] == "Rice"
    assert GONE not in [each["productId"] for each in sale]


async def test_what_was_just_bought_does_not_return_with_the_active_generation(page, content_service, happens, order):
    user_id = "buys"
    rows = [item(901), item(900)]
    content_service.says |= {"shelves": [{"displayType": "REPURCHASE", "title": "", "items": rows}]}
    assert ids(await page(user_id), "REPURCHASE") == [901, 900]

    await happens("ORDER_COMPLETED", **order(901, order_id=41, user_id=user_id))

    await eventually(lambda: page(user_id), lambda found: ids(found, "REPURCHASE") == [900])


async def test_content_away_means_degraded_not_an_error(page, content_service):
    content_service.says = None

    found = await page(BUYER)

    assert (found["degraded"], found["warnings"]) == (True, ["CONTENT_AWAY"])
    assert ids(found, "REPURCHASE") == [MILK, BREAD]


async def test_merchandisers_last_word_holds_while_content_is_silent(page, content_service, app):
    content_service.says |= {
        "hidden": [MILK],
        "shelves": [{"displayType": "SALE", "title": "", "items": [item(RICE, "manual")]}],
    }
    await app.state.merchandising.refresh()
    content_service.says = None

    found = await page(BUYER)

    assert (found["degraded"], found["warnings"]) == (True, ["CONTENT_AWAY"])
    assert ids(found, "REPURCHASE") == [BREAD]
    assert ids(found, "SALE")[0] == RICE


async def test_an_answer_of_content_that_makes_no_sense_is_left_out(page, content_service):
    content_service.says = {"shelves": "none"}

    assert (await page(BUYER))["warnings"] == ["CONTENT_AWAY"]


async def test_a_visitors_page_shows_their_cart_and_what_is_popular(client):
    answer = await client.post("/v1/pages", json={"userId": VISITOR})

    assert ids(answer.json(), "CONTINUE_SHOPPING") == [SOAP]
    assert ids(answer.json(), "RECOMMENDED")[:2] == [MILK, BREAD]


async def test_without_an_id_the_page_is_the_callers_own(client, as_user):
    answer = await client.post("/v1/pages", json={}, headers=as_user(BUYER))

    assert answer.json()["userId"] == BUYER
    assert ids(answer.json(), "CONTINUE_SHOPPING") == [JAM]


async def test_without_an_id_and_a_token_it_is_everyones(client):
    answer = await client.post("/v1/pages", json={})

    assert answer.json()["userId"] is None
    assert TEA in ids(answer.json(), "RECOMMENDED")


async def test_another_users_page_is_refused(client, nobody, as_user):
    assert (await client.post("/v1/pages", json={"userId": BUYER}, headers=as_user("8"))).status_code == 403
    assert (await nobody.post("/v1/pages", json={"userId": BUYER})).status_code == 401
