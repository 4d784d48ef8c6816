"""The shopper's side of the loop, seen in a real browser: what is shown, and that every click comes back."""

import os
import re
from pathlib import Path

import httpx2
import psycopg
import pytest
from playwright.sync_api import expect

from tests.waiting import wait_until

pytestmark = pytest.mark.browser

SHELVES = [
    "Continue shopping",
    "Buy again",
    "Recommended for you",
    "On sale",
    "Today's picks",
    "Categories for you",
]
SCREENSHOT = Path(__file__).parents[3] / "docs" / "images" / "storefront.png"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
expect.set_options(timeout=30_000)


def shelf(page, title):
    return page.get_by_role("region", name=title)


def products(page, title):
    return shelf(page, title).get_by_role("article")


def product_id(link):
    return int(link.get_attribute("href").rpartition("/")[2])


def who(page):
    """The id of whom the browser stands for."""
    return page.evaluate("fetch('/session').then((answer) => answer.json()).then(({ userId }) => userId)")


def landed(shop, table, condition, *values):
    """Wait until the warehouse has such events; gives their payloads."""
    with psycopg.connect(shop.warehouse_url, autocommit=True) as connection:
        query = f"SELECT data FROM raw.{table} WHERE {condition}"
        rows = wait_until(lambda: connection.execute(query, values).fetchall())
    return [data for (data,) in rows]


def test_the_top_page_has_six_shelves_with_products(shop, open_page):
    page = open_page(shopper=shop.shopper, viewport={"width": 1280, "height": 1000}, device_scale_factor=1.5)
    expect(page.get_by_role("heading", level=2)).to_have_text(SHELVES)
    for title in SHELVES:
        assert products(page, title).count() > 0, title
    if os.environ.get("TANAWARI_WRITE_SCREENSHOT") == "1":
        page.mouse.move(0, 0)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=SCREENSHOT)


def test_of_empty_shelves_only_those_that_shoppers_fill_are_shown_and_last(shop, open_page):
    page = open_page(shopper=shop.shopper)
    filled = httpx2.get(f"{shop.gateway_url}/v1/top-page").json()["shelves"][2:4]
    away = {"recommendationId": None, "modelVersion": None, "generation": "g1", "shelves": filled}
    away |= {"degraded": True, "warnings": ["serving is unavailable"]}
    page.route("**/v1/top-page", lambda route: route.fulfill(json=away))
    page.goto("/")
    expect(page.get_by_role("heading", level=2)).to_have_text([*SHELVES[2:4], *SHELVES[:2]])


@pytest.mark.parametrize(("warnings", "notes"), [(["CONTENT_AWAY"], 0), (["CONTENT_AWAY", "LIVE_PAUSED"], 1)])
def test_shelves_that_are_fresh_are_not_said_to_be_behind(shop, open_page, warnings, notes):
    page = open_page("/cart")
    answer = httpx2.get(f"{shop.gateway_url}/v1/top-page").json() | {"degraded": True, "warnings": warnings}
    page.route("**/v1/top-page", lambda route: route.fulfill(json=answer))
    page.goto("/")
    products(page, "On sale").first.wait_for()
    expect(page.get_by_text("Live recommendations are taking a break")).to_have_count(notes)


def test_every_product_has_a_name_a_price_a_picture_and_a_reason(shop, open_page):
    page = open_page(shopper=shop.shopper)
    card = products(page, "On sale").first
    expect(card.get_by_role("link")).not_to_be_empty()
    expect(card.locator(".price")).to_have_text(re.compile(r"Special price \$\d+\.\d\d instead of \$\d+\.\d\d"))
    expect(card.locator(".why")).to_have_text(re.compile("Why: .+"))
    card.scroll_into_view_if_needed()
    expect(card.locator("img")).to_have_js_property("complete", value=True)
    assert card.locator("img").evaluate("image => image.naturalWidth") > 0


def test_a_click_lands_in_the_warehouse_and_returns_on_the_next_top_page(shop, open_page):
    page = open_page(shopper=shop.shopper)
    link = products(page, "Recommended for you").first.get_by_role("link")
    name, clicked = link.inner_text(), product_id(link)
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    seen = landed(
        shop, "user_actions_v1", "key = %s AND event_type = 'PRODUCT_VIEWED' AND (data->>'productId')::bigint = %s",
        shop.shopper, clicked,
    )  # fmt: skip
    assert seen[0]["isBot"] is False
    page.goto("/")
    products(page, "Recommended for you").first.wait_for()
    assert shelf(page, "Continue shopping").locator(f'a[href="/products/{clicked}"]').count() == 1


def test_a_product_is_shown_though_nobody_takes_the_action_and_the_shelves_do_not_wait_long(shop, open_page):
    page = open_page(shopper=shop.shopper)
    page.route("**/v1/actions", lambda _: None)
    products(page, "On sale").first.get_by_role("link").click()
    page.get_by_role("main").get_by_role("link", name="Top page").click()
    expect(products(page, "On sale").first).to_be_visible()


def test_what_was_seen_and_what_was_clicked_are_reported(shop, open_page):
    page = open_page(shopper=shop.shopper)
    link = products(page, "Buy again").first.get_by_role("link")
    link.scroll_into_view_if_needed()
    clicked = product_id(link)
    link.click()
    condition = "key = %s AND event_type = %s AND data @> %s::jsonb"
    item = f'{{"displayType": "REPURCHASE", "productId": {clicked}, "rank": 1}}'
    values = (shop.shopper, "RECOMMENDATION_CLICKED", item)
    [click] = landed(shop, "recommendation_feedback_v1", condition, *values)[:1]
    values = (shop.shopper, "RECOMMENDATION_SHOWN", f'{{"items": [{item}]}}')
    shown = landed(shop, "recommendation_feedback_v1", condition, *values)
    assert click["recommendationId"] in {answer["recommendationId"] for answer in shown}


def test_a_click_with_the_middle_button_is_reported_too(shop, open_page):
    page = open_page(shopper=shop.shopper)
    with page.expect_request(lambda request: "clicked" in (request.post_data or "")):
        products(page, "On sale").first.get_by_role("link").click(button="middle")


def test_a_shopper_whose_session_has_ended_is_still_heard(shop, open_page):
    page = open_page(shopper=shop.shopper)
    link = products(page, "On sale").last.get_by_role("link")
    clicked = product_id(link)
    page.context.clear_cookies()
    link.click()
    condition = "key = %s AND event_type = %s AND (data->>'productId')::bigint = %s"
    landed(shop, "user_actions_v1", condition, shop.shopper, "PRODUCT_VIEWED", clicked)
    landed(shop, "recommendation_feedback_v1", condition, shop.shopper, "RECOMMENDATION_CLICKED", clicked)
    page.goto("/")
    products(page, "On sale").first.wait_for()
    open_page.complaints.clear()  # the browser's own words on the 401s


def test_whoever_comes_in_by_a_search_is_heard_and_is_one_visitor(shop, open_page):
    page = open_page("/search?q=toothpaste")
    expect(page.get_by_role("article")).to_have_count(3)
    [search] = landed(shop, "user_actions_v1", "data->>'searchKeyword' = 'toothpaste'")
    page.get_by_role("article").first.get_by_role("link").click()
    landed(shop, "user_actions_v1", "key = %s AND event_type = 'PRODUCT_VIEWED'", search["userId"])


def test_an_action_says_which_page_it_is_of_and_which_campaign_the_visit_came_from(shop, open_page):
    page = open_page("/?utm_source=letter&utm_campaign=tea-weeks")
    page.get_by_role("article").first.wait_for()
    page.goto("/search?q=olives")
    [search, *_] = landed(shop, "user_actions_v1", "data->>'searchKeyword' = 'olives'")
    assert search["pageUrl"] == f"{shop.gateway_url}/search"
    assert (search["utmSource"], search["utmCampaign"]) == ("letter", "tea-weeks")


@pytest.mark.parametrize("agrees", ["before", "after"])
def test_the_campaign_is_known_though_another_language_loads_the_page_anew(open_page, agrees):
    page = open_page("/cart?utm_source=mail", consent=None)
    yes = page.locator("#consent-yes")
    if agrees == "before":
        yes.click()
    page.get_by_role("link", name="Tanawari, top page").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")
    page.get_by_role("contentinfo").get_by_role("link", name="日本語").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ようこそ")
    if agrees == "after":
        yes.click()
    with page.expect_request("**/v1/actions") as sent:
        page.goto("/search?q=olives")
    [action] = sent.value.post_data_json["actions"]
    assert action["utmSource"] == "mail"


def test_who_opens_a_product_first_becomes_one_visitor(shop, open_page):
    product = httpx2.get(f"{shop.gateway_url}/v1/products?limit=1").json()["items"][0]
    page = open_page("/docs")
    page.goto(f"/products/{product['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text(product["name"])
    assert landed(shop, "user_actions_v1", "key = %s AND event_type = 'PRODUCT_VIEWED'", who(page))


def test_a_visitor_stays_the_same_and_can_become_another_one(shop, open_page):
    page = open_page("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")
    first = who(page)
    page.reload()
    products(page, "Recommended for you").first.get_by_role("link").click()
    assert who(page) == first
    assert landed(shop, "user_actions_v1", "key = %s AND event_type = 'PRODUCT_VIEWED'", first)
    page.get_by_role("button", name="View as").click()
    page.get_by_role("button", name="Browse as a new visitor").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert who(page) not in {first, None}


def test_who_views_as_a_shopper_sees_it_on_every_page_and_can_stop(shop, open_page):
    page = open_page("/account/login", shopper=shop.shopper)
    for path in ("/", "/search?q=tea", "/account"):
        page.goto(path)
        expect(page.get_by_text(f"Viewing as {shop.shopper}")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Viewing as")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")


def test_a_shopper_that_does_not_exist_is_told_in_the_dialog(open_page):
    page = open_page("/")
    page.get_by_role("button", name="View as").click()
    page.get_by_label("Shopper", exact=True).fill("nobody")
    page.get_by_role("button", name="View", exact=True).click()
    expect(page.locator("#picker-problem")).to_have_text("There is no user nobody.")
    open_page.complaints.clear()  # the browser's own words on the 404


def test_a_special_price_holds_on_every_page_and_in_the_cart(shop, open_page):
    with httpx2.Client(base_url=shop.gateway_url, headers={"Authorization": f"Bearer {shop.staff_token}"}) as staff:
        product = staff.get("/v1/search", params={"q": "salmon small"}).json()["items"][0]
        offer = {"price": "0.50", "startDate": "2026-01-01T00:00:00Z"}
        staff.put(f"/v1/products/{product['id']}/special-price", json=offer).raise_for_status()
    page = open_page("/search?q=salmon small")
    price = re.compile(r"Special price \$0\.50 instead of \$\d+\.\d\d")
    expect(page.get_by_role("article").first.locator(".price")).to_have_text(price)
    page.get_by_role("article").first.get_by_role("link").click()
    expect(page.locator(".product .price")).to_have_text(price)
    page.locator(".product").get_by_role("button").click()
    expect(page.get_by_text("is in the cart.")).to_be_visible()
    page.goto("/cart")
    line = page.get_by_role("list", name="Products in the cart").get_by_role("listitem")
    expect(line).to_contain_text("$0.50 each")


def test_money_is_shown_with_the_decimals_of_its_currency(open_page):
    page = open_page("/")
    shown = page.evaluate("""async () => {
        const { money } = await import("/storefront/format.js");
        const amounts = [["1200", "JPY"], ["12.30", "USD"], ["4.500", "KWD"], ["1.250", "IQD"]];
        return amounts.map(([amount, currency]) => money(amount, currency));
    }""")
    assert [each.replace("\xa0", " ") for each in shown] == ["¥1,200", "$12.30", "KWD 4.500", "IQD 1.250"]


def test_a_price_without_a_currency_is_shown_as_a_number(shop, open_page):
    page = open_page(shopper=shop.shopper)
    answer = httpx2.get(f"{shop.gateway_url}/v1/top-page").json()
    item = answer["shelves"][3]["items"][0] | {"productPrice": "12.30", "specialPrice": "9.99", "currency": None}
    answer["shelves"][3]["items"] = [item]
    page.route("**/v1/top-page", lambda route: route.fulfill(json=answer))
    page.goto("/")
    expect(products(page, "On sale").locator(".price")).to_have_text("Special price 9.99 instead of 12.30")


def test_a_category_is_called_by_the_names_from_the_top_and_not_by_a_shops_ids(open_page):
    page = open_page("/")
    page.route("**/v1/categories/1", lambda route: route.fulfill(json={"id": 1, "name": "食品", "parentId": None}))
    path = page.evaluate("""async () => {
        const { pathOf } = await import("/storefront/products.js");
        return pathOf({ id: 2, code: "1 > 10", name: "緑茶", parentId: 1 });
    }""")
    assert [each["name"] for each in path] == ["食品", "緑茶"]


def test_a_page_without_anything_personal_does_not_say_that_it_is_made_from_what_was_looked_at(shop, open_page):
    page = open_page(shopper=shop.shopper)
    head = page.get_by_role("main").locator(".head")
    expect(head).to_contain_text("Shelves made from what you bought and looked at.")
    for_all = httpx2.get(f"{shop.gateway_url}/v1/top-page").json()
    page.route("**/v1/top-page", lambda route: route.fulfill(json=for_all))
    page.goto("/")
    expect(head.locator("p")).to_have_text("Each product says why it is here.")


def test_the_product_page_shows_similar_products_and_reports_their_clicks(open_page, shop):
    page = open_page(shopper=shop.shopper)
    products(page, "Recommended for you").first.get_by_role("link").click()
    similar = products(page, "Often bought with it")
    expect(similar.first).to_be_visible()
    link = similar.first.get_by_role("link")
    name, clicked = link.inner_text(), product_id(link)
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    condition = "event_type = 'RECOMMENDATION_CLICKED' AND data @> %s::jsonb"
    landed(
        shop,
        "recommendation_feedback_v1",
        condition,
        f'{{"displayType": "SIMILAR", "productId": {clicked}, "rank": 1}}',
    )


def test_a_search_finds_products_and_is_reported(shop, open_page):
    page = open_page(shopper=shop.shopper)
    page.get_by_role("combobox", name="Search products").fill("shampoo")
    page.get_by_role("combobox", name="Search products").press("Enter")
    expect(page.get_by_role("article")).to_have_count(3)
    landed(shop, "user_actions_v1", "key = %s AND data->>'searchKeyword' = %s", shop.shopper, "shampoo")


def test_more_is_found_than_stands_on_one_page(shop, open_page):
    categories = httpx2.get(f"{shop.gateway_url}/v1/categories", params={"limit": 500}).json()["items"]
    grocery = next(category["id"] for category in categories if category["code"] == "GROCERY")
    page = open_page(f"/categories/{grocery}")
    expect(page.get_by_role("article")).to_have_count(48)
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("article")).to_have_count(69)
    expect(page.get_by_role("article").nth(48).get_by_role("link")).to_be_focused()
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_a_visitor_sees_what_is_there_for_everyone(open_page):
    page = open_page()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")
    expect(page.get_by_role("heading", level=2)).to_have_text([*SHELVES[2:], *SHELVES[:2]])
    assert products(page, "Recommended for you").count() > 0
    expect(shelf(page, "Continue shopping")).to_contain_text("will wait for you here")


def test_the_footer_says_which_model_answered(shop, open_page):
    page = open_page(shopper=shop.shopper)
    expect(page.get_by_role("contentinfo")).to_contain_text("model small-shop")


def test_the_shop_can_be_used_by_keyboard_alone(shop, open_page):
    page = open_page(shopper=shop.shopper)
    page.goto("/")
    link = products(page, "Continue shopping").first.get_by_role("link")
    link.wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip “Continue shopping”")).to_be_focused()
    page.keyboard.press("Tab")
    expect(link).to_be_focused()
    name = link.inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("main")).to_be_focused()
    page.get_by_role("navigation", name="You are here").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2).first).to_have_text(SHELVES[0])


def test_a_shopper_of_any_id_can_be_viewed(open_page):
    page = open_page(shopper="M-042")
    expect(page.get_by_text("Viewing as M-042")).to_be_visible()


def test_the_dialog_of_shoppers_opens_and_closes_by_keyboard(open_page):
    page = open_page()
    button = page.get_by_role("button", name="View as")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Shopper", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()


def test_nothing_is_cut_off_at_phone_width(shop, open_page):
    page = open_page(shopper=shop.shopper, **PHONE)
    products(page, "Recommended for you").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    button, field, menu = (
        page.get_by_role("navigation", name="You").bounding_box(),
        page.get_by_role("search").bounding_box(),
        page.get_by_role("navigation", name="Categories").bounding_box(),
    )
    assert button["x"] + button["width"] == field["x"] + field["width"] == 390 - menu["x"]
    first = products(page, "Recommended for you").first.bounding_box()
    assert 0 <= first["x"] < first["x"] + first["width"] <= 390
    products(page, "Recommended for you").first.get_by_role("link").tap()
    expect(shelf(page, "Often bought with it")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("status", [503, 429])
def test_an_action_that_the_shop_could_not_take_is_sent_again(shop, open_page, status):
    page = open_page(shopper=shop.shopper)
    page.route("**/v1/actions", lambda route: route.fulfill(status=status, headers={"Retry-After": "1"}), times=1)
    with page.expect_response(lambda answer: answer.url.endswith("/v1/actions") and answer.status == 202) as taken:
        products(page, "On sale").first.get_by_role("link").click()
    [action] = taken.value.request.post_data_json["actions"]
    landed(shop, "user_actions_v1", "event_id = %s", action["eventId"])
    open_page.complaints.clear()  # the browser's own words on the status


def test_the_api_page_opens_without_the_internet(open_page):
    page = open_page("/docs")
    expect(page.get_by_text("/v1/top-page").first).to_be_visible()
    expect(page.get_by_text("/v1/products/popular").first).to_be_visible()
