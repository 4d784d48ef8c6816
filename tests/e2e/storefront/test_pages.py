"""What the storefront's pages show of products, banners and searches."""

import re
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import expect

from tests.e2e.customers import post, staff_of
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

expect.set_options(timeout=30_000)


@pytest.fixture
def staff(shop):
    with staff_of(shop) as client:
        yield client


@pytest.fixture
def shirt(staff):
    """A parent with three variants: red in S and M, blue in S, which is sold out."""
    for code, name in (("color", "Colour"), ("size", "Size")):
        if not staff.get(f"/v1/attributes/{code}").is_success:
            post(staff, "/v1/attributes", code=code, name=name, type="text")
    sku = uuid.uuid4().hex
    line = {"currency": "USD", "description": "First line\nsecond line"}
    parent = post(staff, "/v1/products", sku=sku, name="Shirt", price="10.00", **line)
    variants = {}
    for color, size, price, stock in (("red", "S", "10.00", 5), ("red", "M", "12.50", 5), ("blue", "S", "11.00", 0)):
        attributes = {"color": color, "size": size}
        name = f"Shirt, {color}, {size}"
        variants[color, size] = post(
            staff, "/v1/products", sku=f"{sku}-{color}-{size}", name=name, price=price, stock=stock,
            parentId=parent["id"], attributes=attributes, **line,
        )  # fmt: skip
    return parent, variants


def test_a_variant_is_chosen_by_what_it_differs_in(open_page, shirt):
    parent, variants = shirt
    page = open_page(f"/products/{parent['id']}")
    expect(page.locator(".product .price")).to_have_text("$10.00 – $12.50")  # noqa: RUF001 - as it is shown
    expect(page.locator(".product").get_by_role("button", name="Add to cart")).to_be_hidden()
    page.get_by_role("group", name="Colour").get_by_role("link", name="red").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Shirt, red, S")
    page.get_by_role("group", name="Size").get_by_role("link", name="M").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Shirt, red, M")
    expect(page.get_by_role("group", name="Colour").get_by_role("link", name="red")).to_have_attribute(
        "aria-current", "true"
    )
    expect(page.get_by_role("region", name="Details")).to_contain_text("Size")
    page.get_by_role("group", name="Colour").get_by_role("link", name="blue (Sold out)").click()
    expect(page).to_have_url(f"{page.url.rpartition('/')[0]}/{variants['blue', 'S']['id']}")
    expect(page.locator(".product .stock")).to_have_text("Sold out")


def test_choices_of_variants_come_as_they_are_defined(open_page, staff):
    if not staff.get("/v1/attributes/fit").is_success:
        post(staff, "/v1/attributes", code="fit", name="Fit", type="choice", choices=["S", "M", "L"])
    sku = uuid.uuid4().hex
    line = {"name": "Coat", "price": "10.00", "currency": "USD"}
    parent = post(staff, "/v1/products", sku=sku, **line)["id"]
    for fit in ("L", "S", "M"):
        post(staff, "/v1/products", sku=f"{sku}-{fit}", parentId=parent, attributes={"fit": fit}, **line)
    page = open_page(f"/products/{parent}")
    links = page.get_by_role("group", name="Fit").get_by_role("link")
    expect(links).to_have_text([re.compile(f"^{fit}") for fit in ("S", "M", "L")])


def test_an_offer_says_the_lowest_price_before_it(open_page, staff):
    line = {"sku": uuid.uuid4().hex, "name": "Coat", "price": "8.00", "currency": "USD", "stock": 5}
    place = f"/v1/products/{post(staff, '/v1/products', **line)['id']}"
    staff.patch(place, json={"price": "10.00"}).raise_for_status()
    offer = {"price": "5.00", "startDate": datetime.now(UTC).isoformat()}
    staff.put(f"{place}/special-price", json=offer).raise_for_status()
    page = open_page(place.removeprefix("/v1"))
    expect(page.locator(".facts")).to_contain_text("Lowest price of the 30 days before the offer: $8.00")


@pytest.mark.parametrize("width", [375, 1280])
def test_the_shop_is_browsed_by_its_categories(open_page, width):
    page = open_page(viewport={"width": width, "height": 800})
    page.get_by_role("navigation", name="Categories").get_by_role("link", name="Categories").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Categories")
    page.get_by_role("list", name="Categories").get_by_role("link", name="Grocery").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grocery")
    expect(page.get_by_role("navigation", name="Categories below")).to_contain_text("Cheese")


@pytest.fixture
def announced(staff):
    """A banner in two languages, gone after the test."""
    texts = {
        "en-GB": {"title": "Tea weeks", "linkText": "To the teas"},
        "ja": {"title": "お茶の週間", "linkText": "お茶へ"},
    }
    now = {"startDate": "2026-01-01T00:00:00Z"}
    banner = post(staff, "/v1/banners", placement="TOP", texts=texts, link="/search?q=tea", **now)
    yield
    staff.delete(f"/v1/banners/{banner['id']}", headers={"Idempotency-Key": str(uuid.uuid4())}).raise_for_status()


@pytest.mark.usefixtures("announced")
def test_a_banner_of_the_moment_is_shown_in_the_language_of_the_page(open_page):
    page = open_page("/", locale="ja-JP")
    see_banner(page, "お茶の週間")
    page = open_page("/")
    see_banner(page, "Tea weeks").get_by_role("link", name="To the teas").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("“tea”")


def see_banner(page, title):
    """The banner of that title; a page waits for its banners for some seconds only."""
    banner = page.get_by_role("region", name=title)

    def is_there():
        page.reload()
        with suppress(Late):
            banner.wait_for(timeout=5_000)
            return True

    wait_until(is_there)
    return banner


@pytest.fixture(scope="module")
def jars(shop):
    """Twelve jars of two brands, half of them sold out; only this file knows the word."""
    with staff_of(shop) as client:
        for number in range(12):
            brand, stock = ("Quillon", 5) if number % 2 else ("Brasserie", 0)
            line = {"sku": f"zanzibar-{number}", "name": f"Zanzibar jar {number}", "price": f"{number + 1}.00"}
            post(client, "/v1/products", **line, currency="USD", brand=brand, stock=stock)
        wait_until(lambda: client.get("/v1/search?q=zanzibar").json()["total"] == 12)


OLDER = """
const remove = URLSearchParams.prototype.delete;
URLSearchParams.prototype.delete = function (name) { remove.call(this, name); };
delete Element.prototype.ariaSelected;
"""
"""What browsers of 2022 do not have."""


def names(page):
    return page.get_by_role("list", name="Products found").get_by_role("heading", level=3).all_inner_texts()


@pytest.mark.usefixtures("jars")
def test_a_search_is_narrowed_and_sorted_and_its_address_has_it_all(open_page):
    page = open_page("/search?q=zanzibar")
    found = page.locator("#found")
    expect(found).to_have_text("12 products")
    brand = page.get_by_role("checkbox", name="Quillon 6")
    brand.check()
    expect(found).to_have_text("6 products")
    expect(page.get_by_role("checkbox", name="Quillon")).to_be_focused()
    page.get_by_label("Sort by").select_option("-price")
    expect(page).to_have_url(re.compile(r"q=zanzibar&brand=Quillon&sort=-price$"))
    expect(page.get_by_role("article").first).to_contain_text("Zanzibar jar 11")
    page.reload()
    expect(found).to_have_text("6 products")
    assert names(page)[0] == "Zanzibar jar 11"
    page.get_by_role("button", name="Remove the filter Quillon").click()
    expect(found).to_have_text("12 products")
    expect(found).to_be_focused()
    page.go_back()
    expect(found).to_have_text("6 products")


@pytest.mark.usefixtures("jars")
def test_back_shows_the_filters_and_the_order_of_the_address(open_page):
    page = open_page("/search?q=zanzibar")
    found, order = page.locator("#found"), page.get_by_label("Sort by")
    page.get_by_role("checkbox", name="Quillon 6").check()
    expect(found).to_have_text("6 products")
    order.select_option("-price")
    expect(page.get_by_role("article").first).to_contain_text("Zanzibar jar 11")
    page.go_back()
    expect(page).to_have_url(re.compile(r"q=zanzibar&brand=Quillon$"))
    expect(order).to_have_value("relevance")
    page.go_back()
    expect(found).to_have_text("12 products")
    expect(page.get_by_role("checkbox", name="Quillon 6")).not_to_be_checked()
    page.get_by_role("checkbox", name="Quillon 6").check()
    expect(found).to_have_text("6 products")


@pytest.mark.usefixtures("jars")
def test_filters_stay_open_on_a_phone_with_the_keyboard_and_say_how_many_are_left(open_page):
    page = open_page("/search?q=zanzibar", viewport={"width": 375, "height": 812})
    page.get_by_text("Filters", exact=True).last.click()
    page.get_by_role("checkbox", name="Quillon 6").check()
    expect(page.locator("#found")).to_have_text("6 products")
    expect(page.locator("#announcer")).to_have_text("“zanzibar”: 6 products")
    expect(page.get_by_role("checkbox", name="Quillon 6")).to_be_focused()


def test_of_two_searches_in_a_row_the_one_that_is_shown_is_reported(open_page):
    page = open_page("/cart")
    reported, held = [], []
    page.on(
        "request",
        lambda request: "SEARCH_BY_KEYWORD" in (request.post_data or "") and reported.append(request.post_data_json),
    )
    page.route(re.compile(r"/v1/search\?"), lambda route: held.append(route))  # noqa: PLW0108 - Playwright sets attributes of it
    box = page.get_by_role("combobox", name="Search products")
    for number, keyword in enumerate(("te", "tea"), 1):
        box.fill(keyword)
        box.press("Enter")
        wait_until(lambda number=number: page.evaluate("1") and len(held) == number)
    for route in held:
        with page.expect_response(route.request.url):
            route.continue_()
    expect(page.get_by_role("heading", level=1)).to_have_text("“tea”")
    wait_until(lambda: page.evaluate("1") and reported)
    assert [each["searchKeyword"] for report in reported for each in report["actions"]] == ["tea"]


def test_of_an_uploaded_picture_a_card_loads_a_small_file(open_page, staff):
    word = f"Picturesque{uuid.uuid4().hex[:6]}"
    product = post(staff, "/v1/products", sku=word, name=word, price="5.00", currency="USD", stock=5)
    drawn = BytesIO()
    Image.new("RGB", (1200, 900), "teal").save(drawn, "PNG")
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "image/png"}
    staff.post(f"/v1/products/{product['id']}/images", content=drawn.getvalue(), headers=headers).raise_for_status()
    wait_until(lambda: [each for each in staff.get("/v1/search", params={"q": word}).json()["items"] if each["image"]])
    page = open_page(f"/search?q={word}", viewport={"width": 375, "height": 812}, device_scale_factor=2)
    picture = page.get_by_role("article").locator("img")
    wait_until(lambda: picture.evaluate("image => image.currentSrc").endswith("-400.webp"))
    page.get_by_role("article").get_by_role("link").click()
    main = page.locator(".gallery > img")
    wait_until(lambda: main.evaluate("image => image.currentSrc").endswith("-800.webp"))


@pytest.mark.usefixtures("jars")
def test_what_is_sold_out_is_marked_and_can_be_left_out(open_page):
    page = open_page("/search?q=zanzibar")
    expect(page.get_by_text("Sold out")).to_have_count(6)
    page.get_by_role("checkbox", name="In stock 6").check()
    expect(page.locator("#found")).to_have_text("6 products")
    expect(page.get_by_text("Sold out")).to_have_count(0)


@pytest.mark.usefixtures("jars")
def test_suggestions_are_chosen_by_keyboard(open_page):
    page = open_page("/cart")
    box = page.get_by_role("combobox", name="Search products")
    box.press_sequentially("zanz")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options.first).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    box.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-0")
    box.press("Escape")
    expect(options.first).to_be_hidden()
    expect(box).to_have_value("zanz")
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("“zanz”")


def test_a_brand_is_found_as_the_shop_has_it_with_the_spaces_around_it(open_page, shop):
    with staff_of(shop) as client:
        line = {"sku": "ytterbium", "name": "Ytterbium jar", "price": "1.00", "currency": "USD", "brand": " Spaced "}
        post(client, "/v1/products", **line)
        wait_until(lambda: client.get("/v1/search?q=ytterbium").json()["total"] == 1)
    page = open_page("/search?q=ytterbium")
    page.get_by_role("checkbox", name="Spaced").check()
    expect(page.get_by_role("button", name="Remove the filter Spaced")).to_be_visible()
    expect(page.locator("#found")).to_have_text("1 product")


@pytest.mark.usefixtures("jars")
def test_an_older_browser_removes_one_of_two_brands_and_chooses_a_suggestion(open_page):
    page = open_page("/cart")
    page.add_init_script(OLDER)
    page.goto("/search?q=zanzibar&brand=Quillon&brand=Brasserie")
    found = page.locator("#found")
    expect(found).to_have_text("12 products")
    page.get_by_role("button", name="Remove the filter Quillon").click()
    expect(page).to_have_url(re.compile(r"q=zanzibar&brand=Brasserie$"))
    expect(found).to_have_text("6 products")
    expect(found).to_be_focused()
    box = page.get_by_role("combobox", name="Search products")
    box.fill("zanz")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options.first).to_be_visible()
    address = options.first.get_attribute("data-address")
    box.press("ArrowDown")
    box.press("Enter")
    expect(page).to_have_url(re.compile(f"{re.escape(address)}$"))


def test_a_suggestion_leads_to_a_category(open_page):
    page = open_page("/cart")
    page.get_by_role("combobox", name="Search products").press_sequentially("yogurt")
    page.get_by_role("option").filter(has_text="category").filter(has_text="YOGURT").first.click()
    expect(page.get_by_role("navigation", name="You are here")).to_contain_text("Yogurt")


def test_a_filter_that_means_nothing_is_told_and_left_out(open_page):
    page = open_page("/search?q=yogurt&priceMin=cheap")
    expect(page.get_by_text("A filter of this address means nothing here")).to_be_visible()
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"/search\?q=yogurt$"))
    open_page.complaints.clear()  # the browser's own words on the 422


def test_where_nothing_fits_the_page_leads_on(open_page):
    page = open_page("/search?q=xylophone&brand=Nobody")
    expect(page.get_by_role("main")).to_contain_text("Nothing fits.")
    expect(page.get_by_role("list", name="What others look at").get_by_role("article").first).to_be_visible()
    page.get_by_role("button", name="Remove all filters").click()
    expect(page).to_have_url(re.compile(r"/search\?q=xylophone$"))


def test_a_category_in_which_nothing_fits_is_called_by_its_name(open_page, shop):
    categories = httpx2.get(f"{shop.gateway_url}/v1/categories", params={"limit": 500}).json()["items"]
    grocery = next(category["id"] for category in categories if category["code"] == "GROCERY")
    page = open_page(f"/search?q=xylophone&category={grocery}")
    expect(page.get_by_role("button", name="Remove the filter Grocery")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Grocery 0")).to_be_checked()


def test_a_category_shows_what_is_below_it_and_where_it_is(open_page, shop):
    categories = httpx2.get(f"{shop.gateway_url}/v1/categories", params={"limit": 500}).json()["items"]
    grocery = next(category["id"] for category in categories if category["code"] == "GROCERY")
    page = open_page(f"/categories/{grocery}")
    page.get_by_role("navigation", name="Categories below").get_by_role("link", name="Teas").click()
    way = page.get_by_role("navigation", name="You are here").get_by_role("listitem")
    expect(way).to_have_text(["Top page", "Grocery", "Teas"])
    expect(page.locator("#found")).to_have_text("3 products")


def test_a_view_says_which_search_it_was_opened_from(open_page):
    page = open_page("/cart")
    with page.expect_response(re.compile("/v1/search\\?")) as answered:
        page.goto("/search?q=salmon")
    search_id = answered.value.json()["searchId"]
    with page.expect_request(lambda request: "PRODUCT_VIEWED" in (request.post_data or "")) as sent:
        page.get_by_role("article").first.get_by_role("link").click()
    assert sent.value.post_data_json["actions"][0]["requestID"] == search_id


@pytest.mark.parametrize("consent", ["yes", "no"])
def test_an_addition_to_the_cart_says_which_search_it_came_from_if_the_shopper_agrees(open_page, consent):
    page = open_page("/cart", consent=consent)
    with page.expect_response(re.compile("/v1/search\\?")) as answered:
        page.goto("/search?q=salmon")
    said = {"searchId": answered.value.json()["searchId"]} if consent == "yes" else {}
    with page.expect_response("**/v1/carts/me/items") as added:
        page.get_by_role("article").first.get_by_role("button").click()
    assert added.value.ok
    body = added.value.request.post_data_json
    assert {name: value for name, value in body.items() if name != "productId"} == said


def test_a_view_of_another_variant_says_which_search_led_to_the_first(open_page, shirt):
    parent, variants = shirt
    page = open_page(f"/products/{parent['id']}")
    page.evaluate("history.replaceState({ ...history.state, searchId: 'the search' }, '')")
    page.reload()
    other = str(variants["red", "S"]["id"])
    with page.expect_request(lambda request: f'"productId":{other},' in (request.post_data or "")) as sent:
        page.get_by_role("group", name="Colour").get_by_role("link", name="red").click()
    assert sent.value.post_data_json["actions"][0]["requestID"] == "the search"


def test_what_others_look_at_shows_one_variant_of_a_parent(open_page, shirt, staff):
    parent, variants = shirt
    line = {"sku": uuid.uuid4().hex, "name": "Other coat", "price": "8.00", "currency": "USD", "stock": 5}
    ids = [variants["blue", "S"]["id"], variants["red", "M"]["id"], variants["red", "S"]["id"], parent["id"]]
    ids.append(post(staff, "/v1/products", **line)["id"])
    page = open_page("/cart")
    answer = {"days": 7, "items": [{"productId": each} for each in ids]}
    page.route("**/v1/products/popular?*", lambda route: route.fulfill(json=answer))
    page.goto("/search?q=xylophone")
    cards = page.get_by_role("list", name="What others look at").get_by_role("heading", level=3)
    expect(cards).to_have_text(["Shirt, red, M", "Other coat"])
