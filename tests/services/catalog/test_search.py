from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.catalog.search.engine import Sort
from services.catalog.search.follower import LOCK
from tests.services.catalog.conftest import OVER_BOTH
from tests.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), OVER_BOTH]

CATEGORIES = [
    {"code": "食品", "name": "食品"},
    {"code": "食品 > お茶", "name": "お茶"},
    {"code": "食品 > 菓子", "name": "菓子"},
    {"code": "雑貨", "name": "雑貨"},
]
PRODUCTS = [
    {
        "sku": "t1",
        "name": "有機 緑茶 500ml",
        "brand": "茶々凪",
        "keywords": ["チャチャナギ"],
        "price": "150",
        "rating": 4.5,
    },
    {"sku": "t2", "name": "緑茶 ティーバッグ 20包", "brand": "焙里", "price": "400", "rating": 3.0, "stock": 0},
    {"sku": "t3", "name": "ほうじ茶 2L", "brand": "焙里", "price": "250", "rating": 4.0},
    {"sku": "s1", "name": "緑茶味のクッキー", "brand": "焙里", "price": "300", "category": "食品 > 菓子"},
    {"sku": "z1", "name": "石鹸", "price": "200", "category": "雑貨", "description": "緑茶の香り。肌にやさしい。"},
    {"sku": "h1", "name": "緑茶 販売終了", "price": "100", "isActive": False},
]
LANTERNS = [
    {"sku": "l1", "name": "提灯用シール", "price": "500", "rating": 3.5},
    {"sku": "l2", "name": "白い提灯", "price": "700", "rating": 2.0},
    {"sku": "l3", "name": "赤い提灯", "price": "600", "rating": 1.5},
    {"sku": "l4", "name": "青い提灯", "price": "600", "rating": 1.5},
    {"sku": "l5", "name": "提灯", "price": "650", "rating": 5.0, "stock": 0},
]
AGES = {"l1": (1, 3), "l2": (4, 0), "l3": (2, 7), "l4": (2, 7), "l5": (9, 9)}
"""How many days ago each was added, and how often it was rated."""
AGED = """
    UPDATE products SET created_at = timestamptz '2026-01-31 12:00Z' - %s * interval '1 day', rating_count = %s,
        product_version = product_version + 1 WHERE sku = %s
"""
ORDERS = {
    Sort.RELEVANCE: ["l2", "l3", "l4", "l1", "l5"],
    Sort.PRICE: ["l1", "l3", "l4", "l5", "l2"],
    Sort.PRICE_DOWN: ["l2", "l5", "l3", "l4", "l1"],
    Sort.RATING_DOWN: ["l5", "l1", "l2", "l3", "l4"],
    Sort.NEWEST: ["l1", "l3", "l4", "l2", "l5"],
    Sort.POPULARITY: ["l5", "l3", "l4", "l1", "l2"],
}


def line(product):
    rest = {key: value for key, value in product.items() if key != "category"}
    return {"stock": 5, "categoryCodes": [product.get("category", "食品 > お茶")], **rest}


@pytest.fixture
def following(database_url, client):
    """To wait until searches see every change."""
    words = client._transport.app.state.words

    async def wait():
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:

            async def waiting():
                row = await (await connection.execute("SELECT count(*) FROM search_changes")).fetchone()
                return row[0]

            await eventually(waiting, lambda count: count == 0)
        await words.refresh()

    return wait


@pytest_asyncio.fixture(loop_scope="module")
async def search(client, upsert, following):
    """To search as a shopper does, in the shop above; gives the answer's JSON."""
    await client.post("/v1/attributes", json={"code": "flavor", "name": "味", "type": "text"})
    await upsert("categories", *CATEGORIES)
    await upsert("products", *map(line, PRODUCTS))

    async def ask(q="", **parameters):
        await following()
        answer = await client.get("/v1/search", params={"q": q, **parameters})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


def skus(found):
    return [item["sku"] for item in found["items"]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (name, text)
        for name, texts in {
            "Salads 12 oz": ["salad", "salads", "サラダ"],
            "Tortilla chip": ["chips", "chip"],
            "Oatmeal Cookies": ["cookie", "cookies", "oatmeal cookie"],
            "Playstation5": ["playstation5", "playstation 5", "playstation"],
            "Playstation 4": ["playstation4", "playstation 4"],
            "Thunderbolt4 cable": ["thunderbolt4", "thunderbolt4 cables"],
            "サラダ油": ["サラダ油"],
            "Canola Oils 48 oz, national brand 7167316": ["Canola Oils 48 oz, national brand 7167316"],
            "Protien Salads - Bulk, national brand 2024113": ["Protien Salads - Bulk, national brand 2024113"],
        }.items()
        for text in texts
    ],
)
async def test_an_english_name_is_found_in_either_number_and_however_its_model_is_spaced(search, upsert, name, text):
    await upsert("products", {"sku": "english", "name": name, "price": "100", "stock": 1, "isActive": True})
    found = await search(text)
    await upsert("products", {"sku": "english", "isActive": False})  # other tests have other cookies
    assert found["isConfident"]
    assert "english" in skus(found)[:3]


async def test_what_is_meant_comes_before_what_is_only_flavoured_so(search):
    found = await search("りょくちゃ", inStock="true")
    assert (skus(found), found["isConfident"]) == (["t1", "s1"], True)


async def test_what_is_sold_out_comes_after_what_is_in_stock(search):
    assert skus(await search("緑茶")) == ["t1", "s1", "t2"]
    assert skus(await search("緑茶", sort="-price")) == ["t2", "s1", "t1"]


async def test_what_has_all_that_was_asked_for_comes_first_though_it_is_sold_out(search):
    assert skus(await search("緑茶 ティーバッグ"))[0] == "t2"


async def test_only_active_products_are_found(search):
    assert "h1" not in skus(await search("緑茶"))


async def test_a_product_is_found_by_its_sku_its_brand_and_the_brands_reading(search):
    assert skus(await search("t3")) == ["t3"]
    assert skus(await search("茶々凪")) == skus(await search("ﾁｬﾁｬﾅｷﾞ")) == ["t1"]


async def test_what_only_a_description_mentions_is_no_confident_answer(search):
    found = await search("肌")
    assert (skus(found), found["isConfident"]) == (["z1"], False)
    assert (await search("航空券"))["items"] == []


async def test_a_mistyped_word_is_corrected(search):
    found = await search("りょくじゃ")
    assert (set(skus(found)) >= {"t1", "t2"}, found["correctedTo"]) == (True, "緑茶")


async def test_filters_narrow_the_hits(search):
    assert set(skus(await search("お茶", category="code:食品 > お茶"))) == {"t1", "t2", "t3"}
    assert set(skus(await search(category="code:食品"))) == {"t1", "t2", "t3", "s1"}
    assert skus(await search("緑茶", brand="茶々凪")) == ["t1"]
    assert skus(await search("緑茶", priceMin="160", priceMax="400", inStock="true")) == ["s1"]
    assert skus(await search("緑茶", ratingMin="4")) == ["t1"]


@pytest.mark.parametrize("sort", list(Sort))
async def test_hits_come_in_each_order_page_by_page_and_equal_ones_by_their_id(database_url, upsert, search, sort):
    await upsert("products", *map(line, LANTERNS))
    with psycopg.connect(database_url) as connection:
        connection.cursor().executemany(AGED, [(days, count, sku) for sku, (days, count) in AGES.items()])
    seen, cursor = [], {}
    while cursor is not None:
        page = await search("提灯", limit=1, sort=sort, **cursor)
        seen += skus(page)
        cursor = page["nextCursor"] and {"cursor": page["nextCursor"]}
    assert seen == skus(await search("提灯", sort=sort)) == ORDERS[sort]


async def test_a_facet_is_counted_under_all_filters_but_its_own(search):
    facets = (await search("緑茶", brand="焙里", facets="true"))["facets"]
    assert {each["value"]: each["count"] for each in facets["brands"]} == {"焙里": 2, "茶々凪": 1}
    assert facets["prices"] == [{"from": 200, "to": 500, "count": 2}]
    assert (facets["inStock"], facets["ratings"]) == (1, [{"from": lowest, "count": 1} for lowest in (3, 2, 1)])
    assert {each["name"]: each["count"] for each in facets["categories"]} == {"食品": 2, "お茶": 1, "菓子": 1}


async def test_a_range_of_prices_finds_as_many_as_its_facet_counts(search):
    ranges = (await search(category="code:雑貨", facets="true"))["facets"]["prices"]
    assert ranges == [{"from": 200, "to": 500, "count": 1}]
    assert skus(await search(category="code:雑貨", priceMin="200", priceBelow="500")) == ["z1"]
    assert skus(await search(category="code:雑貨", priceMin="100", priceBelow="200")) == []


async def test_ranges_of_prices_fit_a_shop_of_small_prices(upsert, search):
    pencil = {"name": "鉛筆", "currency": "USD", "category": "雑貨"}
    await upsert("products", *(line({**pencil, "sku": f"p{price}", "price": price}) for price in ("0.9", "3.5", "12")))
    ranges = (await search("鉛筆", facets="true"))["facets"]["prices"]
    assert [(each["from"], each["to"]) for each in ranges] == [(0, 1), (2, 5), (10, 20)]


async def test_one_of_a_parents_variants_is_found(upsert, search):
    await upsert(
        "products",
        line({"sku": "parent", "name": "マグ", "price": "900", "category": "雑貨", "stock": 0}),
        line({"sku": "red", "name": "マグ 赤", "price": "900", "category": "雑貨", "parentSku": "parent"}),
        line({"sku": "blue", "name": "マグ 青", "price": "800", "category": "雑貨", "parentSku": "parent"}),
    )
    found = await search("マグ", sort="price", facets="true")
    assert (skus(found), found["total"], found["items"][0]["variantCount"]) == (["blue"], 1, 2)
    assert found["facets"]["categories"][0]["count"] == 1
    assert skus(await search("マグ 赤")) == ["red"]


async def test_pages_have_each_parent_once_however_many_variants_it_has(upsert, search):
    await upsert("products", *(line({"sku": f"pot{i}", "name": "鉄瓶", "price": str(910 + 50 * i)}) for i in range(3)))
    await upsert(
        "products",
        *(line({"sku": f"pot{i}-{j}", "name": "鉄瓶 赤" if j % 2 else "鉄瓶", "price": str(900 + 40 * i + j),
                "parentSku": f"pot{i}"}) for i in range(2) for j in range(30)),
    )  # fmt: skip
    seen, cursor = [], {}
    while True:
        page = await search("鉄瓶", limit=1, sort="-price", **cursor)
        seen += [(item["sku"], item["variantCount"], page["total"]) for item in page["items"]]
        if not (following := page["nextCursor"]):
            break
        cursor = {"cursor": following}
    assert seen == [("pot2", 1, 3), ("pot1-29", 30, 3), ("pot0-29", 30, 3)]
    found = await search("鉄瓶 赤", sort="price", priceMin="905", facets="true")
    assert [(item["sku"], item["variantCount"]) for item in found["items"]][:2] == [("pot0-5", 13), ("pot1-1", 15)]


async def test_the_price_is_that_of_now(client, search):
    soon = datetime.now(UTC) + timedelta(days=1)
    offer = {"price": "10", "startDate": soon.isoformat()}
    assert (await client.put("/v1/products/sku:t1/special-price", json=offer)).status_code == 200
    assert skus(await search("緑茶", priceMax="20")) == []
    offer = {"price": "10", "startDate": (soon - timedelta(days=2)).isoformat()}
    assert (await client.put("/v1/products/sku:t1/special-price", json=offer)).status_code == 200
    assert skus(await search("緑茶", priceMax="20")) == ["t1"]
    await client.delete("/v1/products/sku:t1/special-price")


async def test_search_follows_what_changes(client, search):
    await client.patch("/v1/products/sku:t3", json={"name": "ウーロン茶 2L"})
    assert skus(await search("烏龍茶")) == ["t3"]
    await client.put("/v1/products/sku:t1/stock", json={"stock": 0})
    assert skus(await search("緑茶", inStock="true")) == ["s1"]
    await client.patch("/v1/categories/code:雑貨", json={"name": "バス用品"})
    assert "z1" in skus(await search("バス用品"))
    await client.patch("/v1/categories/code:雑貨", json={"name": "雑貨"})
    await client.delete("/v1/products/sku:t2")
    assert "t2" not in skus(await search("緑茶"))


async def test_a_parent_is_found_until_it_has_a_variant(upsert, search):
    kaleidoscope = {"price": "900", "category": "雑貨"}
    await upsert("products", line({**kaleidoscope, "sku": "k", "name": "万華鏡"}))
    assert skus(await search("万華鏡")) == ["k"]
    await upsert("products", line({**kaleidoscope, "sku": "k-red", "name": "万華鏡 赤", "parentSku": "k"}))
    assert skus(await search("万華鏡")) == ["k-red"]


@pytest.mark.parametrize(
    ("name", "leave"),
    [
        ("羅針盤", lambda client: client.delete("/v1/products/sku:羅針盤-red")),
        ("天球儀", lambda client: client.patch("/v1/products/sku:天球儀-red", json={"parentId": None})),
    ],
    ids=["deleted", "given back"],
)
async def test_a_parent_is_found_again_when_its_last_variant_leaves_it(client, upsert, search, name, leave):
    parent = {"sku": name, "name": name, "price": "900", "category": "雑貨"}
    await upsert("products", *map(line, [parent, {**parent, "sku": f"{name}-red", "name": "別", "parentSku": name}]))
    assert skus(await search(name)) == []
    assert (await leave(client)).is_success
    assert skus(await search(name)) == [name]


async def test_products_go_with_their_category_when_it_moves(client, upsert, search):
    await upsert("categories", {"code": "食品 > 光学", "name": "光学"}, {"code": "食品 > 光学 > 星", "name": "星"})
    await upsert("products", line({"sku": "star", "name": "望遠鏡", "price": "900", "category": "食品 > 光学 > 星"}))
    assert skus(await search("望遠鏡", category="code:食品")) == ["star"]
    moved = await client.patch("/v1/categories/code:食品 > 光学", json={"code": "雑貨 > 光学"})
    assert moved.status_code == 200, moved.text
    assert skus(await search("望遠鏡", category="code:雑貨")) == ["star"]
    assert skus(await search("望遠鏡", category="code:食品")) == []


async def test_products_are_found_by_the_new_name_of_an_attribute(client, upsert, search):
    await client.post("/v1/attributes", json={"code": "shiny", "name": "煌めき", "type": "boolean"})
    microscope = {"sku": "shiny", "name": "顕微鏡", "price": "900", "category": "雑貨", "attributes": {"shiny": True}}
    await upsert("products", line(microscope))
    assert skus(await search("煌めき")) == ["shiny"]
    await client.patch("/v1/attributes/shiny", json={"name": "防塵"})
    assert skus(await search("防塵")) == ["shiny"]


async def test_an_inactive_product_is_not_shown_though_the_index_has_it_still(client, upsert, search, service_database):
    await upsert("products", line({"sku": "hidden", "name": "双眼鏡", "price": "900", "category": "雑貨"}))
    assert skus(await search("双眼鏡")) == ["hidden"]
    async with service_database.sessions.begin() as session:
        await session.execute(LOCK)  # so that nothing is followed
        await client.patch("/v1/products/sku:hidden", json={"isActive": False})
        answer = await client.get("/v1/search", params={"q": "双眼鏡"})
    assert (answer.status_code, skus(answer.json())) == (200, [])


async def test_attributes_are_found_filtered_and_counted(client, search):
    await client.patch("/v1/products/sku:s1", json={"attributes": {"flavor": "抹茶"}})
    assert skus(await search("抹茶 クッキー")) == ["s1"]
    found = await search("クッキー", attribute="flavor:抹茶", facets="true")
    assert skus(found) == ["s1"]
    values = {each["code"]: each["values"] for each in found["facets"]["attributes"]}["flavor"]
    assert values == [{"value": "抹茶", "count": 1}]
    assert skus(await search("クッキー", attribute="flavor:いちご")) == []


async def test_suggestions_continue_what_was_typed(client, search):
    await search("茶")
    answer = await client.get("/v1/search/suggestions", params={"q": "くっk"})
    assert {"kind": "query", "text": "クッキー", "productId": None, "categoryId": None} in answer.json()["items"]
    answer = await client.get("/v1/search/suggestions", params={"q": "お茶"})
    kinds = {(each["kind"], each["text"]) for each in answer.json()["items"]}
    assert ("category", "お茶") in kinds
    assert any(kind == "product" for kind, _ in kinds)


@pytest.mark.parametrize(
    "parameters",
    [
        {"q": "a" * 201},
        {"q": "\x00"},
        {"q": " "},
        {"priceMin": "-1"},
        {"priceMax": "NaN"},
        {"ratingMin": "6"},
        {"inStock": "perhaps"},
        {"attribute": "no colon"},
        {"brand": "\x00"},
        {"sort": "best"},
        {"limit": "0"},
        {"cursor": "W10"},
        {"category": "0"},
        {"colour": "red"},
    ],
)
async def test_a_bad_value_is_refused_by_its_name(client, parameters):
    answer = await client.get("/v1/search", params={"q": "茶", **parameters})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert next(iter(parameters)) in answer.json()["errors"][0]["field"]


async def test_a_search_in_a_category_needs_one_connection_at_a_time(client, search):
    await search("茶")
    database = client._transport.app.state.database
    async with AsyncExitStack() as held:
        for _ in range(2 * database.engine.pool.size() - 1):
            await held.enter_async_context(database.engine.connect())
        answer = await client.get("/v1/search", params={"q": "", "category": "code:食品"})
    assert answer.status_code == 200


@pytest.mark.parametrize("sku", ["KZQ-WVX", "T 1", "品番あ"])
async def test_a_product_is_found_by_its_sku_whatever_it_is_made_of(upsert, search, sku):
    await upsert("products", line({"sku": sku, "name": "棚", "price": "900", "category": "雑貨"}))
    found = await search(sku)
    assert (skus(found), found["isConfident"]) == ([sku], True)


async def test_what_asks_for_nothing_finds_all_of_the_category(search):
    found = await search("おすすめ", category="code:食品 > 菓子")
    assert (skus(found), found["isConfident"]) == (["s1"], True)


async def test_pages_by_relevance_follow_each_other_though_a_product_goes(client, upsert, search):
    many = [{"sku": f"p{i}", "name": f"盆栽 {i}", "price": "900"} for i in range(60)]
    await upsert("products", *(line(each | ({"category": "雑貨"} if i >= 40 else {})) for i, each in enumerate(many)))
    page = await search("盆栽", limit=50)
    assert skus(page)[40:] == [f"p{i}" for i in range(40, 50)]
    await client.patch("/v1/products/sku:p0", json={"isActive": False})
    assert skus(await search("盆栽", limit=50, cursor=page["nextCursor"])) == [f"p{i}" for i in range(50, 60)]


async def test_suggested_products_are_the_best_first(client, upsert, search):
    await upsert("products", line({"sku": "o1", "name": "箪笥用シール", "price": "900"}))
    await upsert("products", line({"sku": "o2", "name": "白い箪笥", "price": "900"}))
    found = await search("箪笥")
    assert skus(found) == ["o2", "o1"]
    answer = await client.get("/v1/search/suggestions", params={"q": "箪笥"})
    named = [each["text"] for each in answer.json()["items"] if each["kind"] == "product"]
    assert named == ["白い箪笥", "箪笥用シール"]


async def test_attributes_that_are_no_facets_crowd_out_none_that_are(client, upsert, search):
    for code, is_facet in [("made_in", True), ("article", False), ("unused", True)]:
        attribute = {"code": code, "name": code, "type": "text", "isFacet": is_facet, "isMultiple": not is_facet}
        answer = await client.post("/v1/attributes", json=attribute)
        assert answer.status_code == 201, answer.text
    values = [[f"a{100 * (i // 2) + j}" for j in range(100)] for i in range(24)]  # 1,200, of two products each
    bell = {"name": "風鈴", "price": "9"}
    await upsert(
        "products",
        *(line({**bell, "sku": f"f{i}", "attributes": {"article": each}}) for i, each in enumerate(values)),
        line({**bell, "sku": "fx", "attributes": {"made_in": "日本"}}),
    )
    facets = (await search("風鈴", facets="true"))["facets"]["attributes"]
    assert [(each["code"], each["values"]) for each in facets] == [("made_in", [{"value": "日本", "count": 1}])]


async def test_choices_come_as_they_are_defined_and_numbers_by_their_size(client, upsert, search):
    for more in ({"code": "fit", "type": "choice", "choices": ["S", "M", "L"]}, {"code": "wide", "type": "number"}):
        assert (await client.post("/v1/attributes", json={"name": more["code"], **more})).status_code == 201
    given = [("L", 9), ("S", 100), ("M", 9.5), ("M", 100)]
    await upsert(
        "products",
        *(
            line({"sku": f"fit{i}", "name": "法被", "price": "9", "attributes": {"fit": fit, "wide": wide}})
            for i, (fit, wide) in enumerate(given)
        ),
    )
    found = (await search("法被", facets="true"))["facets"]["attributes"]
    values = {each["code"]: [value["value"] for value in each["values"]] for each in found}
    assert values == {"fit": ["S", "M", "L"], "wide": ["9", "9.5", "100"]}


async def test_an_unknown_category_is_not_found(client):
    assert (await client.get("/v1/search", params={"q": "", "category": "code:none"})).status_code == 404


@pytest.mark.parametrize(
    "q", ["' OR 1=1 --", "a & | ! (", ":*", "\\", "'", "(.*)+$", "猫\u200d🐈", "\u202e", "<-> 'x':A", "%_"]
)
async def test_a_search_is_no_program(search, q):
    assert (await search(q, facets="true"))["total"] == 0


async def test_the_public_may_search(client, search):
    await search("茶")
    async with httpx2.AsyncClient(transport=client._transport, base_url="http://catalog") as anybody:
        answer = await anybody.get("/v1/search", params={"q": "緑茶"})
    assert answer.status_code == 200
    first = answer.json()["items"][0]
    assert [first[name] for name in ("stock", "stockVersion", "offerVersion")] == [None, None, None]
