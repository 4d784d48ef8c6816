import asyncio
from datetime import timedelta

import httpx2
import psycopg
import pytest

from services.cart import service
from services.cart.clients import Product
from services.cart.consumer import follow_catalog
from services.cart.settings import CartSettings
from services.common.runtime.errors import Forbidden
from services.common.storage.database import Database
from services.contracts.setting_errors import SettingError
from tests.services.cart.conftest import VISITOR
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_cart_adds_up_at_the_prices_of_now(catalog, create, shopper):
    tea, cup = create(price="500"), create(price="1200")
    offer = {"price": "400", "startDate": "2026-01-01T00:00:00Z"}
    anna = shopper("anna")
    await anna.add(tea, 2)
    await anna.add(cup)
    catalog.put(f"/v1/products/{tea}/special-price", json=offer)
    cart = await anna.cart()
    lines = [(each["productPrice"], each["addedPrice"], each["hasNewPrice"], each["amount"]) for each in cart["items"]]
    assert lines == [("400", "500", True, "800"), ("1200", "1200", False, "1200")]
    assert (cart["total"], cart["currency"], cart["canBeBought"], cart["stale"]) == ("2000", "JPY", True, False)


async def test_an_empty_cart_costs_nothing_and_cannot_be_bought(shopper):
    cart = await shopper("nobody").cart()
    assert (cart["items"], cart["total"], cart["currency"], cart["canBeBought"]) == ([], "0", None, False)


async def test_adding_again_adds_pieces_and_setting_sets_them(create, shopper):
    tea, bert = create(), shopper("bert")
    await bert.add(tea, 2)
    await bert.add(tea, 3)
    assert await bert.quantities() == {tea: 5}
    await bert.set(tea, 4)
    assert await bert.quantities() == {tea: 4}


async def test_a_product_may_be_named_by_the_shops_own_id(create, catalog, shopper):
    tea, carl = create(), shopper("carl")
    sku = catalog.get(f"/v1/products/{tea}").json()["sku"]
    key = {"Idempotency-Key": "by-sku"}
    answer = await carl.client.post("/v1/carts/me/items", json={"sku": sku}, headers=key)
    assert [each["sku"] for each in answer.json()["items"]] == [sku]


@pytest.mark.parametrize("names", [{}, {"productId": 1, "sku": "a"}])
async def test_an_item_names_one_product(shopper, names):
    more = {"headers": {"Idempotency-Key": f"names-{len(names)}"}}
    answer = await shopper("dora").client.post("/v1/carts/me/items", json=names, **more)
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (422, "Value error, give productId or sku")


async def test_what_is_not_sold_or_not_there_in_that_quantity_is_refused(create, shopper):
    hidden, eva = create(isActive=False), shopper("eva")
    answers = [await eva.add(create(stock=3), 4), await eva.add(hidden), await eva.add(999_999)]
    assert [each.status_code for each in answers] == [409, 404, 404]
    assert await eva.quantities() == {}


@pytest.mark.parametrize(
    ("stock", "detail"), [(3, "Only 3 are in stock."), (1, "Only 1 is in stock."), (0, "It is sold out.")]
)
async def test_it_is_said_how_many_are_left(create, shopper, stock, detail):
    answer = await shopper(f"ella-{stock}").add(create(stock=stock), 4)
    assert answer.json()["detail"] == detail


async def test_a_parent_is_bought_as_one_of_its_variants(create, shopper):
    parent, pat = create(), shopper("pat")
    variant = create(parentId=parent)
    answers = [await pat.add(parent), await pat.add(variant)]
    assert [each.status_code for each in answers] == [404, 200]


async def test_what_is_in_a_cart_and_becomes_a_parent_is_gone(create, shopper):
    tea, pia = create(), shopper("pia")
    await pia.add(tea)
    create(parentId=tea)
    assert [each["obstacle"] for each in (await pia.cart())["items"]] == ["GONE"]


async def test_fewer_may_be_wanted_though_even_these_are_too_many(create, catalog, shopper):
    tea, fred = create(stock=8), shopper("fred")
    await fred.add(tea, 8)
    catalog.put(f"/v1/products/{tea}/stock", json={"stock": 3})
    assert (await fred.set(tea, 5)).status_code == 200
    (item,) = (await fred.cart())["items"]
    assert (item["quantity"], item["obstacle"], item["left"]) == (5, "TOO_FEW", 3)


async def test_a_large_stock_is_not_told(create, catalog, shopper):
    tea, gil = create(stock=57), shopper("gil")
    answer = await gil.add(tea, 60)
    assert (answer.status_code, answer.json()["detail"]) == (409, "So many are not in stock: 60.")
    assert (await gil.add(tea, 15)).status_code == 200
    catalog.put(f"/v1/products/{tea}/stock", json={"stock": 12})
    (item,) = (await gil.cart())["items"]
    assert (item["obstacle"], item["left"]) == ("TOO_FEW", None)


async def test_a_cart_has_one_currency(create, shopper):
    tea, cup, gerd = create(), create(price="2.00", currency="USD"), shopper("gerd")
    await gerd.add(tea)
    answer = await gerd.add(cup)
    assert (answer.status_code, answer.json()["title"]) == (409, "Other currency")
    await gerd.remove(tea)
    assert (await gerd.add(cup)).status_code == 200


async def test_a_cart_has_limits(create, shopper):
    hans, products = shopper("hans"), [create(stock=100) for _ in range(6)]
    answers = [await hans.add(each) for each in products] + [await hans.add(products[0], 50)]
    assert [each.status_code for each in answers] == [200] * 5 + [409, 409]


async def test_no_limit_is_above_what_catalog_takes(settings):
    for name, most in (("most_items", 100), ("most_pieces", 1_000)):
        given = {"database_url": settings.database_url, name: most + 1}
        with pytest.raises(SettingError, match=f"less than or equal to {most}"):
            CartSettings(**given)


async def test_each_change_is_told_with_what_there_is_after_it(create, shopper, events):
    tea, ines = create(), shopper("ines")
    for change in (ines.add(tea), ines.add(tea), ines.set(tea, 2), ines.remove(tea), ines.add(tea, 3)):
        assert (await change).status_code == 200
    told = [(name, data["quantity"], data["productPrice"]) for name, data in events("ines")]
    assert told == [
        ("CART_ADD", 1, "500"),
        ("CART_UPDATE", 2, "500"),
        ("CART_REMOVE", 0, "500"),
        ("CART_READD", 3, "500"),
    ]
    assert [name for name, _ in events("ines", "cart.v1")] == [
        *("CART_ITEM_ADDED", "CART_ITEM_CHANGED", "CART_ITEM_REMOVED", "CART_ITEM_ADDED"),
    ]


async def test_an_addition_says_from_which_search_it_came(create, shopper, events):
    tea, iris = create(), shopper("iris")
    for more in ({"searchId": "s1"}, {"searchId": "s2"}, {}):
        assert (await iris.add(tea, **more)).status_code == 200
    assert [(name, data.get("requestID")) for name, data in events("iris")] == [
        ("CART_ADD", "s1"),
        ("CART_UPDATE", "s2"),
        ("CART_UPDATE", None),
    ]


async def test_a_copy_that_knows_more_than_catalogs_answer_stays(create, shopper, copies, database_url):
    tea, ilse = create(price="500"), shopper("ilse")
    await ilse.add(tea)
    with psycopg.connect(database_url) as connection:
        query = "UPDATE cart_items SET product_price = 700, product_version = 99 WHERE product_id = %s"
        connection.execute(query, [tea])
    answer = await ilse.set(tea, 2)
    assert answer.json()["items"][0]["productPrice"] == "500"  # what catalog says is shown all the same
    assert [copies(tea)[name] for name in ("quantity", "product_price", "product_version")] == [2, 700, 99]


async def test_the_same_key_adds_once(create, shopper):
    tea, jens = create(), shopper("jens")
    body, key = {"productId": tea}, {"Idempotency-Key": "once"}
    answers = [await jens.client.post("/v1/carts/me/items", json=body, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert await jens.quantities() == {tea: 1}


async def test_a_change_needs_a_key(create, shopper):
    answer = await shopper("jens").client.post("/v1/carts/me/items", json={"productId": create()})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "header.Idempotency-Key")


async def test_two_changes_at_once_both_count(create, shopper):
    tea, kurt = create(), shopper("kurt")
    await asyncio.gather(*(kurt.add(tea) for _ in range(8)))
    assert await kurt.quantities() == {tea: 8}


async def test_a_cart_is_its_owners(create, shopper):
    tea, lena, other = create(), shopper("lena"), shopper("other")
    await lena.add(tea)
    assert await other.quantities() == {}
    for stranger in (other, shopper(VISITOR.format(9))):
        assert (await stranger.client.get("/v1/carts/lena")).status_code == 403
        assert (await stranger.remove(tea)).status_code == 404
        answer = await stranger.client.put("/v1/carts/lena/checkouts/1", json={"items": []})
        assert answer.status_code == 403


async def test_what_vanishes_from_catalog_is_shown_as_gone(create, catalog, shopper):
    deleted, hidden, mara = create(), create(), shopper("mara")
    for each in (deleted, hidden):
        await mara.add(each)
    catalog.delete(f"/v1/products/{deleted}")
    catalog.patch(f"/v1/products/{hidden}", json={"isActive": False})
    cart = await mara.cart()
    assert ([each["obstacle"] for each in cart["items"]], cart["total"]) == (["GONE", "GONE"], "0")


async def test_every_column_of_a_copy_follows_catalog_and_the_price_at_adding_stays(create, catalog, shopper, copies):
    tea, nora = create(), shopper("nora")
    await nora.add(tea)
    changed = {"name": "New name", "price": "2.50", "currency": "USD", "image": "https://shop.example/tea.png"}
    catalog.patch(f"/v1/products/{tea}", json={**changed, "stock": 3, "isActive": False})
    catalog.put(f"/v1/products/{tea}/special-price", json={"price": "2", "startDate": "2026-01-01T00:00:00Z"})
    copy = await eventually(lambda: copies(tea), lambda found: found["offer_version"] > 0)
    named = {"product_name": "name", "product_price": "price", "product_image": "image", "currency": "currency"}
    assert {name: str(copy[column]).removesuffix("0") for column, name in named.items()} == changed
    assert (copy["stock"], copy["is_active"], copy["special_price"], copy["added_price"]) == (3, False, 2, 500)


async def test_an_old_event_after_a_newer_one_changes_no_copy(create, catalog, shopper, copies, outbox, database_url):
    tea, nele = create(), shopper("nele")
    await nele.add(tea)
    catalog.put(f"/v1/products/{tea}/special-price", json={"price": "400", "startDate": "2026-01-01T00:00:00Z"})
    catalog.patch(f"/v1/products/{tea}", json={"price": "600", "stock": 3, "specialPrice": None})
    told = [message for message in outbox(tea) if message.event_type != "PRODUCT_DELETED"]
    assert len(told) > 3
    newest = await eventually(lambda: copies(tea), lambda found: (found["product_price"], found["stock"]) == (600, 3))
    database = Database(database_url)
    for message in (*told[::-1], *told[:1]):
        async with database.sessions.begin() as session:
            await follow_catalog(session, [message])
        assert copies(tea) == newest
    await database.close()


async def test_an_order_takes_what_was_bought_once_and_leaves_what_came_later(create, shopper, app, tokens, events):
    tea, cup, paul = create(), create(), shopper("paul")
    await paul.add(tea, 2)
    await paul.add(cup)
    orders = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://cart", auth=tokens.as_service("order", "cart")
    )
    await paul.add(tea)
    body = {"items": [{"productId": tea, "quantity": 2}, {"productId": cup, "quantity": 1}]}
    for _ in range(2):
        assert (await orders.put("/v1/carts/paul/checkouts/17", json=body)).status_code == 204
    assert await paul.quantities() == {tea: 1}
    taken = [(name, data["productId"], data.get("orderId")) for name, data in events("paul", "cart.v1")][-2:]
    assert taken == [("CART_ITEM_CHANGED", tea, 17), ("CART_ITEM_REMOVED", cup, 17)]


async def test_after_an_order_the_same_product_is_added_and_not_put_back(create, shopper, app, tokens, events):
    tea, rosa = create(), shopper("rosa")
    await rosa.add(tea)
    orders = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://cart", auth=tokens.as_service("order", "cart")
    )
    await orders.put("/v1/carts/rosa/checkouts/18", json={"items": [{"productId": tea, "quantity": 1}]})
    await rosa.add(tea)
    assert [name for name, _ in events("rosa")] == ["CART_ADD", "CART_ADD"]


async def test_a_visitors_cart_joins_the_users_up_to_the_stock(create, shopper, auth, events):
    both, mine, theirs, dollars = create(stock=4), create(), create(), create(price="2.00", currency="USD")
    visitor, user = shopper(VISITOR.format(1)), shopper("sven")
    await user.add(both, 2)
    await user.add(mine)
    await visitor.add(both, 3)
    await visitor.add(theirs)
    await auth.log_in("sven", visitor.user_id, times=2)
    await eventually(user.quantities, lambda found: found == {both: 4, mine: 1, theirs: 1})
    assert await visitor.quantities() == {}
    assert [name for name, _ in events("sven", "cart.v1")][2:] == [
        "CART_ITEM_CHANGED",
        "CART_ITEM_ADDED",
        "CART_MERGED",
    ]
    await visitor.add(dollars)
    await auth.log_in("sven", visitor.user_id)
    await eventually(visitor.quantities, lambda found: found == {})
    assert dollars not in await user.quantities()


async def test_what_a_visitor_brings_back_has_the_price_at_which_it_was_added(create, catalog, shopper, auth):
    tea, visitor, user = create(price="500"), shopper(VISITOR.format(4)), shopper("silke")
    await user.add(tea)
    await user.remove(tea)
    catalog.patch(f"/v1/products/{tea}", json={"price": "600"})
    await visitor.add(tea)
    await auth.log_in("silke", visitor.user_id)
    cart = await eventually(user.cart, lambda found: found["items"])
    assert [(each["addedPrice"], each["hasNewPrice"]) for each in cart["items"]] == [("600", False)]


async def test_a_deleted_users_cart_is_deleted_and_stays_so(create, shopper, auth, database_url, settings):
    tea, tina, visitor = create(), shopper("tina"), shopper(VISITOR.format(5))
    for each in (tina, visitor):
        await each.add(tea)
    await auth.delete("tina")
    database = Database(database_url)
    async with database.sessions() as session:
        await eventually(lambda: service.read(session, "tina"), lambda found: found == [])
        product = Product.model_construct(id=tea, is_active=True, is_parent=False)
        with pytest.raises(Forbidden, match="deleted"):
            await service.put(session, "tina", product, 1, settings)
        await service.merge(session, visitor.user_id, "tina", settings)
        assert await service.read(session, "tina") == []
    await database.close()


async def test_visitors_carts_are_deleted_when_nothing_in_them_was_changed_for_long(create, shopper, database_url):
    tea, cup = create(), create()
    gone, here, user = shopper(VISITOR.format(2)), shopper(VISITOR.format(3)), shopper("uwe")
    for each in (gone, here, user):
        await each.add(tea)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE cart_items SET changed_at = now() - interval '1 day' WHERE product_id = %s", [tea])
    await here.add(cup)
    database = Database(database_url)
    async with database.sessions.begin() as session:
        await service.forget_visitors(session, timedelta(hours=1))
    await database.close()
    assert [await each.quantities() for each in (gone, here, user)] == [{}, {tea: 1, cup: 1}, {tea: 1}]
