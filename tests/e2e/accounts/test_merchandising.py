"""The merchandisers' screen in a real browser: the order of pins, banners, campaigns, reviews, and who changed what."""

import re
import uuid

import httpx2
import pytest
from playwright.sync_api import expect

from tests.waiting import wait_until

pytestmark = pytest.mark.browser

PASSWORD = "seven green lanterns over the bridge"
HOME = {"name": "Aiko Aoki", "countryCode": "JP", "postalCode": "100-0001", "countryArea": "東京都", "city": "千代田区"}
ADDRESSES = {"address": {"addresses": [{**HOME, "streetAddress": "千代田1-1", "isDefault": True}]}}
expect.set_options(timeout=30_000)


@pytest.fixture
def staff(shop):
    with calling(shop, shop.staff_token) as client:
        yield client


@pytest.fixture(scope="module")
def account(shop):
    """What somebody logs in with who has an address and the role."""
    login = {"email": f"mei-{uuid.uuid4().hex[:8]}@example.com", "password": PASSWORD}
    with calling(shop) as client:
        client.post("/v1/auth/registrations", json=login).raise_for_status()
        mails = wait_until(
            lambda: [m for m in client.get("/preview/inbox").json()["items"] if m["to"] == login["email"]]
        )
        code = re.search(r"code=([\w-]+)", mails[0]["text"])[1]
        confirmed = {"email": login["email"], "code": code}
        client.post("/v1/auth/registrations/confirm", json=confirmed).raise_for_status()
    with logged_in(shop, login) as client:
        me = wait_until(lambda: client.get("/v1/users/me").json().get("id"))
        client.patch("/v1/users/me", json=ADDRESSES).raise_for_status()
        with calling(shop, shop.staff_token) as staff:
            staff.put(f"/v1/auth/users/{me}/roles/merchandiser").raise_for_status()
    return login


@pytest.fixture
def merchandiser(shop, account):
    with logged_in(shop, account) as client:
        yield client


@pytest.fixture
def screen(open_page, account):
    """Opens a part of the screen for the merchandiser."""

    def show(part, **options):
        page = open_page("/account/login", **options)
        page.locator("input[name=email]").fill(account["email"])
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("main form button[type=submit]").click()
        page.locator("#merchandising").wait_for()  # in the footer of those who have the role
        page.goto(f"/merchandising?part={part}")
        page.locator("main h1").wait_for()
        return page

    return show


def calling(shop, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.Client(base_url=shop.gateway_url, headers=headers, timeout=30)


def logged_in(shop, login):
    """A client with a new token, which lives for five minutes."""
    token = httpx2.post(f"{shop.gateway_url}/v1/auth/sessions", json=login, timeout=30).json()["accessToken"]
    return calling(shop, token)


def post(client, path, **body):
    answer = client.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    return answer.raise_for_status().json()


def product(staff, name):
    line = {"sku": str(uuid.uuid4()), "name": name, "price": "5.00", "currency": "USD", "stock": 20}
    return post(staff, "/v1/products", **line)["id"]


def region(page, name):
    return page.get_by_role("region", name=name, exact=True)


def test_pins_are_put_in_order(screen, staff):
    names = ["Kombu", "Nori", "Wakame"]
    for name in names:
        post(staff, "/v1/top-page-displays", mode="pin", displayType="SALE", productId=product(staff, name))
    page = screen("displays")
    order = region(page, "Order of the pins")
    order.get_by_label("Shelf").select_option("SALE")
    order.get_by_role("button", name="Show the order").click()
    pins = order.get_by_role("listitem")
    expect(pins).to_contain_text(names)
    order.get_by_role("button", name="Up: Wakame").click()
    expect(pins).to_contain_text(["Kombu", "Wakame", "Nori"])
    expect(order.get_by_role("button", name="Up: Wakame")).to_be_focused()
    order.get_by_role("button", name="Up: Wakame").click()
    expect(pins).to_contain_text(["Wakame", "Kombu", "Nori"])
    expect(order.get_by_role("button", name="Up: Wakame")).to_be_disabled()
    expect(order.get_by_role("button", name="Down: Wakame")).to_be_focused()
    page.reload()
    order.get_by_label("Shelf").select_option("SALE")
    order.get_by_role("button", name="Show the order").click()
    expect(pins).to_contain_text(["Wakame", "Kombu", "Nori"])


def test_a_pin_that_moves_behind_those_that_are_shown_is_said_to(screen, staff):
    for name in ("Arame", "Hijiki"):
        post(staff, "/v1/top-page-displays", mode="pin", displayType="DAILY_DEAL", productId=product(staff, name))
    page = screen("displays")
    order = region(page, "Order of the pins")
    order.get_by_label("Shelf").select_option("DAILY_DEAL")
    order.get_by_role("button", name="Show the order").click()

    def shorten(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={"items": answer.json()["items"][:1]})

    page.route("**/move", shorten)
    order.get_by_role("button", name="Down: Arame").click()
    expect(page.get_by_text("Arame stands behind the first 1 pins now.")).to_be_attached()
    expect(order.get_by_role("listitem")).to_contain_text(["Hijiki"])


def test_a_banner_in_two_languages_shows_until_its_campaign_is_paused(screen, open_page, staff):
    campaign = f"Tea week {uuid.uuid4().hex[:6]}"
    page = screen("campaigns")
    made = region(page, "Make a campaign")
    made.get_by_label("Name").fill(campaign)
    made.get_by_role("button", name="Save").click()
    expect(made.get_by_role("status")).to_have_text("Saved.")
    page.get_by_role("link", name="Banners", exact=True).click()
    made = region(page, "Make a banner")
    made.get_by_role("button", name="Save").click()
    expect(made.get_by_role("alert")).to_have_text("A banner has a title in one language at least.")
    made.get_by_label("Title (English)").fill("All teas")
    made.get_by_label("Title (日本語)").fill("すべてのお茶")
    made.get_by_label("Link", exact=True).fill("javascript:alert(1)")
    made.get_by_label("Campaign").select_option(label=campaign)
    made.get_by_role("button", name="Save").click()
    expect(made.get_by_label("Link", exact=True)).to_have_attribute("aria-invalid", "true")
    made.get_by_label("Link", exact=True).fill("/search?q=tea")
    made.get_by_role("button", name="Save").click()
    expect(region(page, "Banners").get_by_role("listitem")).to_contain_text(["On All teas"])
    expect(region(page, "Banners")).to_contain_text(f"TOP · /search?q=tea · {campaign}")
    page.get_by_role("link", name="Campaigns", exact=True).click()
    assert [each["texts"]["ja"]["title"] for each in staff.get("/v1/banners").json()["items"]] == ["すべてのお茶"]
    page.get_by_role("button", name=f"Pause: {campaign}").click()
    expect(page.get_by_role("button", name=f"Resume: {campaign}")).to_be_focused()
    assert staff.get("/v1/banners").json()["items"] == []
    page.get_by_role("button", name=f"Remove: {campaign}").click()
    expect(region(page, "Campaigns").get_by_role("alert")).to_contain_text("Banners or displays belong to it")
    page.get_by_role("link", name="Banners", exact=True).click()
    expect(region(page, "Banners").get_by_role("listitem")).to_contain_text(["Campaign paused All teas"])
    page.get_by_role("button", name="Remove: All teas").click()
    expect(page.get_by_role("button", name="Remove: All teas")).to_be_hidden()
    expect(page.get_by_role("heading", name="Banners", exact=True)).to_be_focused()
    open_page.complaints.clear()  # the browser's own words on the 422 and the 409


def test_a_banner_is_changed_unless_somebody_else_changed_it_meanwhile(screen, open_page, staff):
    texts = {"en": {"title": "Green tea", "alt": "A cup"}, "de": {"title": "Tee"}}
    made = post(staff, "/v1/banners", placement="TOP", texts=texts, link="/search?q=tea", priority=2)
    page = screen("banners")
    row = region(page, "Banners").get_by_role("listitem").filter(has_text="tea")
    row.get_by_label("Change: Green tea").click()
    expect(row.get_by_label("What the picture shows (English)")).to_have_value("A cup")
    row.get_by_label("Title (English)").fill("Black tea")
    row.get_by_label("Title (日本語)").fill("紅茶")
    row.get_by_label("Link", exact=True).fill("")
    row.get_by_label("Priority").fill("7")
    row.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("On Black tea")
    now = staff.get(f"/v1/banners/{made['id']}").json()
    assert (now["link"], now["priority"], now["startDate"]) == (None, 7, made["startDate"])
    titles = {code: said["title"] for code, said in now["texts"].items()}
    assert (titles, now["texts"]["en"]["alt"]) == ({"en": "Black tea", "ja": "紅茶", "de": "Tee"}, "A cup")
    staff.patch(f"/v1/banners/{made['id']}", json={"priority": 9}).raise_for_status()
    row.get_by_label("Change: Black tea").click()
    row.get_by_label("Priority").fill("8")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert").filter(has_text="It was changed meanwhile")).to_be_visible()
    row.get_by_label("Change: Black tea").click()
    expect(row.get_by_label("Priority")).to_have_value("9")
    staff.delete(f"/v1/banners/{made['id']}").raise_for_status()
    open_page.complaints.clear()  # the browser's own words on the 412


def look_until_it_has(looked, name):
    """Serving hears of what is decided within a second or so."""
    row = looked.get_by_role("listitem").filter(has_text=name)

    def look():
        looked.get_by_role("button", name="Show the page").click()
        expect(looked.locator(".looked > .meta")).to_be_visible()
        return row.count()

    wait_until(look)
    expect(row).to_be_visible()


def test_what_is_decided_leaves_nothing_for_the_next_decision_and_is_decided_once(screen, open_page, staff):
    name, sku, campaign = f"Sencha {uuid.uuid4().hex[:6]}", str(uuid.uuid4()), f"Spring {uuid.uuid4().hex[:6]}"
    post(staff, "/v1/products", sku=sku, name=name, price="5.00", currency="USD", stock=20)
    post(staff, "/v1/campaigns", name=campaign)
    page = screen("displays")
    made = region(page, "Pin or hide a product")

    def choose():
        made.get_by_label("Name or article number").fill(sku)
        made.get_by_label("Name or article number").press("Enter")
        expect(made.get_by_role("radio", name=name)).to_be_checked()

    choose()
    made.get_by_label("Shelf").select_option("SALE")
    made.get_by_label("Campaign").select_option(label=campaign)
    made.get_by_label("Until").fill("2090-01-01T09:00")
    made.get_by_label("Reason that shoppers read").fill("First flush")
    made.get_by_role("button", name="Save").click()
    expect(made.get_by_role("status")).to_have_text("Saved.")
    expect(made.get_by_role("radio", name=name)).to_have_count(0)
    for label, value in {"Name or article number": "", "Until": "", "Reason that shoppers read": ""}.items():
        expect(made.get_by_label(label)).to_have_value(value)
    expect(made.get_by_label("Shelf")).to_have_value("RECOMMENDED")
    row = region(page, "What is decided").get_by_role("listitem").filter(has_text=name)
    expect(row).to_contain_text(f"everyone · {campaign}")
    expect(row).to_contain_text("First flush")
    for is_first in (True, False):
        choose()
        made.get_by_label("Hide from all shelves").check()
        expect(made.get_by_label("Shelf")).to_be_hidden()
        expect(made.get_by_label("Reason that shoppers read")).to_be_hidden()
        expect(made).to_contain_text("Search and the product's own page still show it.")
        made.get_by_role("button", name="Save").click()
        if is_first:
            expect(made.get_by_role("status")).to_have_text("Saved.")
            expect(made.get_by_label("Shelf")).to_be_visible()
    expect(made.get_by_role("alert")).to_contain_text("says the same within these dates")
    hidden = row.filter(has_text="all shelves")
    expect(hidden).to_have_count(1)
    looked = region(page, "The page of a shopper")
    look_until_it_has(looked, name)
    looked.get_by_label("Shopper").fill("nobody-here")
    looked.get_by_role("button", name="Show the page").click()
    expect(looked).to_contain_text("Nothing is known of this shopper")
    looked.get_by_label("At", exact=True).fill("2020-01-01T00:00")
    looked.get_by_role("button", name="Show the page").click()
    expect(looked.get_by_label("At", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(looked).not_to_contain_text("As of")
    hidden.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(1)
    open_page.complaints.clear()  # the browser's own words on the 409 and the 422


def test_a_pin_whose_campaign_is_over_is_not_said_to_be_on(screen, staff):
    began, ended = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    campaign = post(staff, "/v1/campaigns", name="Ended", startDate=began, endDate=ended)["id"]
    pinned = product(staff, "Hojicha")
    post(staff, "/v1/top-page-displays", mode="pin", displayType="SALE", productId=pinned, campaignId=campaign)
    row = region(screen("displays"), "What is decided").get_by_role("listitem").filter(has_text="Hojicha")
    expect(row).to_contain_text("Campaign over")


def test_dates_are_changed_and_what_was_not_changed_stays(screen, staff):
    name, start = f"Dated {uuid.uuid4().hex[:6]}", "2026-11-01T10:20:30Z"
    made = post(staff, "/v1/campaigns", name=name, startDate=start)
    page = screen("campaigns", timezone_id="Asia/Tokyo")
    row = region(page, "Campaigns").get_by_role("listitem").filter(has_text=name)
    row.get_by_label(f"Change: {name}").click()
    expect(row.get_by_label("From")).to_have_value("2026-11-01T19:20")
    row.get_by_label("Until").fill("2026-11-02T09:00")
    row.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Over")
    expect(page.locator("#said")).to_have_text("Saved.")
    expect(row.get_by_label(f"Change: {name}")).to_be_focused()
    kept = staff.get(f"/v1/campaigns/{made['id']}").json()
    assert (kept["startDate"], kept["endDate"]) == (start, "2026-11-02T00:00:00Z")
    row.get_by_label(f"Change: {name}").click()
    row.get_by_label("From").fill("")
    row.get_by_label("Until").fill("")
    row.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("On")
    now = staff.get(f"/v1/campaigns/{made['id']}").json()
    assert (now["startDate"] > start, now["endDate"]) == (True, None)


def test_what_a_colleague_changed_meanwhile_is_shown_before_anything_is_changed(screen, open_page, staff):
    name = f"Shared {uuid.uuid4().hex[:6]}"
    place = f"/v1/campaigns/{post(staff, '/v1/campaigns', name=name)['id']}"
    page = screen("campaigns", timezone_id="Asia/Tokyo")
    row = region(page, "Campaigns").get_by_role("listitem").filter(has_text=name)
    row.get_by_label(f"Change: {name}").click()
    theirs = "2036-12-19T15:00:00Z"
    staff.patch(place, json={"endDate": theirs}).raise_for_status()
    row.get_by_label("Until").fill("2036-12-05T00:00")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert").filter(has_text="It was changed meanwhile")).to_be_visible()
    assert staff.get(place).json()["endDate"] == theirs
    row.get_by_label(f"Change: {name}").click()
    expect(row.get_by_label("Until")).to_have_value("2036-12-20T00:00")
    row.get_by_role("button", name="Pause").click()
    expect(row.get_by_role("button", name="Resume")).to_be_visible()
    expect(row.get_by_text("It was changed meanwhile")).to_be_hidden()
    staff.patch(place, json={"isActive": True}).raise_for_status()
    row.get_by_role("button", name="Remove").click()
    expect(row.get_by_role("alert").filter(has_text="It was changed meanwhile")).to_be_visible()
    row.get_by_role("button", name="Remove").click()
    expect(row).to_be_hidden()
    open_page.complaints.clear()  # the browser's own words on the 412


def test_a_pin_that_a_colleague_changed_is_shown_before_it_is_moved(screen, open_page, staff):
    ids = [
        post(staff, "/v1/top-page-displays", mode="pin", displayType="REPURCHASE", productId=product(staff, each))["id"]
        for each in ("Sencha", "Genmaicha")
    ]
    page = screen("displays")
    order = region(page, "Order of the pins")
    order.get_by_label("Shelf").select_option("REPURCHASE")
    order.get_by_role("button", name="Show the order").click()
    staff.patch(f"/v1/top-page-displays/{ids[1]}", json={"priority": 9}).raise_for_status()
    order.get_by_role("button", name="Up: Genmaicha").click()
    expect(order.get_by_role("alert").filter(has_text="It was changed meanwhile")).to_be_visible()
    expect(order.get_by_role("button", name="Down: Genmaicha")).to_be_focused()
    order.get_by_role("button", name="Down: Genmaicha").click()
    expect(order.get_by_role("listitem")).to_contain_text(["Sencha", "Genmaicha"])
    row = region(page, "What is decided").get_by_role("listitem").filter(has_text="Genmaicha")
    row.get_by_role("button", name="Pause: Genmaicha").click()  # it is shown there as it was before
    expect(row.get_by_role("alert").filter(has_text="It was changed meanwhile")).to_be_visible()
    row.get_by_role("button", name="Pause: Genmaicha").click()
    expect(row.get_by_role("button", name="Resume: Genmaicha")).to_be_visible()
    order.get_by_role("button", name="Up: Genmaicha").click()  # what was changed beside it is known to be one's own
    expect(order.get_by_role("listitem")).to_contain_text(["Genmaicha", "Sencha"])
    row.get_by_role("button", name="Resume: Genmaicha").click()
    expect(row.get_by_role("button", name="Pause: Genmaicha")).to_be_visible()
    open_page.complaints.clear()  # the browser's own words on the 412


def test_a_review_is_hidden_with_a_reason_and_shown_again(screen, open_page, staff, merchandiser):
    bought = product(staff, "Reviewed tea")
    post(merchandiser, "/v1/carts/me/items", productId=bought, quantity=1)
    post(merchandiser, "/v1/orders", paymentMethod="CREDIT_CARD")
    mine = f"/v1/products/{bought}/reviews/mine"
    wait_until(lambda: merchandiser.put(mine, json={"rating": 1, "text": "Call me: 555"}).is_success)
    page = screen("reviews")
    row = region(page, "Reviews").get_by_role("listitem").filter(has_text="Call me").first
    expect(row.get_by_role("link", name="Reviewed tea")).to_have_attribute("href", f"/products/{bought}")
    row.get_by_label("Hide: by").click()
    row.get_by_role("button", name="Hide", exact=True).click()
    expect(row.get_by_label("Reason")).to_have_attribute("aria-invalid", "true")
    row.get_by_label("Reason").fill("A telephone number")
    row.get_by_role("button", name="Hide", exact=True).click()
    expect(row).to_contain_text("A telephone number")
    assert staff.get(f"/v1/products/{bought}/reviews").json()["items"] == []
    row.get_by_role("button", name="Show again").click()
    expect(row.get_by_label("Hide: by")).to_be_focused()
    assert len(staff.get(f"/v1/products/{bought}/reviews").json()["items"]) == 1
    chosen = region(page, "Choose reviews")
    show = chosen.get_by_role("button", name="Show")
    chosen.get_by_label("Article number").fill("no-such-number")
    show.click()
    expect(chosen.get_by_role("alert")).to_have_text("There is no product with this article number.")
    chosen.get_by_label("Article number").fill(staff.get(f"/v1/products/{bought}").json()["sku"])
    show.click()
    expect(region(page, "Reviews").get_by_role("listitem")).to_contain_text(["Call me"])
    expect(show).to_have_attribute("aria-busy", "false")  # meanwhile it does not take another wish
    chosen.get_by_label("Which").select_option("Hidden")
    show.click()
    expect(region(page, "Reviews")).to_contain_text("There is no such review.")
    open_page.complaints.clear()  # the browser's own words on the 422


def test_the_trail_says_who_changed_what(screen, merchandiser, staff):
    name = f"Trail {uuid.uuid4().hex[:6]}"
    made = post(merchandiser, "/v1/campaigns", name=name)
    merchandiser.patch(f"/v1/campaigns/{made['id']}", json={"isActive": False}).raise_for_status()
    page = screen("trail")
    page.get_by_label("Of", exact=True).select_option("Campaign")
    page.get_by_role("button", name="Show", exact=True).click()
    first = region(page, "Changes").get_by_role("listitem").first
    expect(first).to_contain_text(f"Changed Campaign {made['id']} {name}")
    expect(first).to_contain_text(merchandiser.get("/v1/users/me").json()["id"])
    first.get_by_text("What was changed").click()
    expect(first).to_contain_text("isActivetrue → false")
    pinned = product(staff, f"Pinned {name}")
    start = "2090-01-01T10:20:00Z"
    pin = {"mode": "pin", "displayType": "SALE", "productId": pinned, "campaignId": made["id"], "startDate": start}
    post(merchandiser, "/v1/top-page-displays", **pin)
    page.get_by_label("Of", exact=True).select_option("Display")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(first).to_contain_text(f"Pinned {name}")
    first.get_by_text("What was changed").click()
    expect(first).to_contain_text(f"campaignId{name}")
    expect(first).to_contain_text("startDateJan 1, 2090")
