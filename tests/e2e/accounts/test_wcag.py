"""Who can use the storefront: WCAG 2.2 AA as far as axe-core sees it, phone width; and no text becomes a script."""

import itertools
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Error, expect
from playwright.sync_api import TimeoutError as Late

from tests.e2e import full_shop
from tests.e2e.barriers import barriers_of
from tests.e2e.canaries import EXECUTED, SHOWN, canary, full_of_canaries
from tests.e2e.customers import PASSWORD, customer_of, new_email, staff_of
from tests.e2e.full_shop import WORD
from tests.e2e.pages import pages_of
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

MAIN = Path(__file__).parents[3] / "services/gateway/storefront/main.js"
PHONE = {"width": 375, "height": 812}
DESK = {"width": 1280, "height": 900}
LANGUAGES = ["en", "ja"]
LOCALES = {"en": "en-US", "ja": "ja-JP"}
expect.set_options(timeout=30_000)


def type_a_word(page):
    def is_suggested():
        page.locator("#keyword").fill(WORD[:3])
        with suppress(Late):  # the page waits for two seconds only
            page.locator("#suggestions-of-search li").first.wait_for(timeout=3_000)
            return True

    wait_until(is_suggested)


def write_review(page):
    page.locator(".own button").click()
    page.locator(".own form").wait_for()


def change_address(page):
    page.locator(".addresses button").first.click()
    page.locator("[name=postalCode]").wait_for()


def another_address(page):
    page.locator(".panel .again").first.click()
    page.locator("[name=postalCode]").wait_for()


def decide_and_look(page):
    page.locator("[name=words]").fill(WORD)
    page.locator("[name=words]").press("Enter")
    page.locator("[name=productId]").first.wait_for()
    page.locator(".panels > :last-child section:last-child .primary").click()
    page.locator(".looked .meta").wait_for()


def refuse(page):
    page.locator("#consent-no").click()


def choose_shopper(page):
    page.locator("#view-as").click()


OF_VISITORS = {
    "/": None,
    "/cart": refuse,
    "/account/login": choose_shopper,
    "/account/register": None,
    "/account/confirm": None,
    "/account/email": None,
    "/account/reset": None,
    "/categories": None,
    "/nowhere": None,
}
OF_CUSTOMERS = {
    "/": None,
    f"/search?q={WORD}&inStock=true&brand=Kaigan": None,
    "/search?q=nothing-like-it": type_a_word,
    "/categories/{category}": None,
    "/products/{parent}": None,
    "/products/{variant}": write_review,
    "/cart": None,
    "/checkout": None,
    "/checkout?another": another_address,
    "/orders": None,
    "/orders/{delivered}": None,
    "/orders/{waiting}": None,
    "/orders/{cancelled}": None,
    "/account": change_address,
    "/account/email": None,
    "/merchandising": decide_and_look,
    **{f"/merchandising?part={part}": None for part in ("banners", "campaigns", "reviews", "trail")},
    "/preview/mails": None,
}
"""Every page by its address, with all on it that can be opened; and what else is done there first."""

SMALL = """() => [...document.querySelectorAll("a[href], button, input, select, summary")]
    .filter((node) => node.checkVisibility() && !node.closest("p, .skip, .card h3"))  // the whole card is its link
    .map((node) => [node.outerHTML.slice(0, 100), node.closest("label") ?? node])
    .map(([html, node]) => [html, node.getBoundingClientRect()])
    .filter(([, { width, height }]) => width > 1 && (width < 24 || height < 24))
    .map(([html, { width, height }]) => `${html} ${width}x${height}`)"""
"""What is smaller than a finger needs; a sentence's links may be."""
COVERED = """() => {
    const { activeElement: at } = document, { x, y, width, height } = at.getBoundingClientRect();
    if (at.matches("body") || at.closest("header, #consent")) return [];
    const seen = [y + 2, y + height / 2, y + height - 2].map((each) => document.elementFromPoint(x + width / 2, each));
    return seen.some((each) => each && !each.closest("header, #consent")) ? [] : [at.outerHTML.slice(0, 200)];
}"""
"""What has the keyboard and lies wholly beneath the header, or the question for consent."""


@dataclass(frozen=True)
class Seen:
    """What a page is like: whom it keeps out, how wide it is on a phone, and what is too small there."""

    barriers: list
    width: int
    small: list


@pytest.fixture(scope="module")
def full(shop):
    """A shop with one of everything; and the address of a customer, who is a merchandiser, too."""
    email = new_email()
    with customer_of(shop.gateway_url, email) as customer, staff_of(shop) as staff:
        filled = full_shop.fill(customer, staff)
        me = customer.get("/v1/users/me").json()["id"]
        staff.put(f"/v1/auth/users/{me}/roles/merchandiser").raise_for_status()  # ends the customer's session
        return filled, email


@pytest.fixture(scope="module", params=itertools.product(LANGUAGES, ("visitor", "customer")), ids="-".join)
def seen(request, shop, browser, full):
    """Every page in a language, of a visitor and of a customer: on a phone by day, at a desk by night."""
    language, who = request.param
    options = {"locale": LOCALES[language], "viewport": PHONE, "bypass_csp": True, "reduced_motion": "reduce"}
    with pages_of(shop, browser) as create:
        page = create("/", consent="yes" if who == "customer" else None, **options)
        if who == "customer":
            log_in(page, full)
        places = OF_CUSTOMERS if who == "customer" else OF_VISITORS
        pages = {path: looked_at(page) for path in opened(page, places, full)}
        create.complaints[:] = [each for each in create.complaints if "404" not in each and "nowhere" not in each]
    return pages


def log_in(page, full):
    _, email = full
    settled(page, "/account/login")
    page.locator("[name=email]").fill(email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    expect(page).to_have_url(re.compile("/$"))


def settled(page, path):
    """Go to a page, and wait until all of it has come."""
    page.goto(path)
    page.locator("main h1").wait_for()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def opened(page, places, full):
    """Go to each place, and open there what can be; gives its path."""
    values, _ = full
    for path, act in places.items():
        settled(page, path.format(**asdict(values)))
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        if act:
            act(page)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        yield path


def looked_at(page):
    width, small, barriers = (
        page.evaluate("document.documentElement.scrollWidth"),
        page.evaluate(SMALL),
        barriers_of(page),
    )
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(DESK)
    barriers += barriers_of(page)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    return Seen(barriers, width, small)


def test_every_page_of_the_storefront_is_looked_at():
    script = MAIN.read_text()
    pages = set(re.findall(r'^  "(/[^"]*)": page\(', script, re.MULTILINE))
    pages |= {f"/{kind}/{{}}" for kind in re.findall(r"^  (\w+): page\(", script, re.MULTILINE)}
    looked_at = {re.sub(r"{\w+}", "{}", path.partition("?")[0]) for path in {**OF_VISITORS, **OF_CUSTOMERS}}
    assert {"/", "/products/{}"} <= pages <= looked_at


def test_nothing_on_any_page_keeps_somebody_out(seen):
    assert {path: each.barriers for path, each in seen.items() if each.barriers} == {}


def test_no_page_is_wider_than_a_phone(seen):
    assert {path: each.width for path, each in seen.items() if each.width > PHONE["width"]} == {}


def test_whatever_can_be_pressed_is_large_enough(seen):
    assert {path: each.small for path, each in seen.items() if each.small} == {}


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_what_the_keyboard_is_at_is_never_beneath_a_bar(open_page, key):
    page = open_page("/search?q=tea", consent=None, viewport={"width": 375, "height": 812})
    expect(page.get_by_role("article").first).to_be_visible()
    page.get_by_text("Filters", exact=True).last.click()
    articles = page.get_by_role("article")
    (articles.last if key == "Shift+Tab" else articles.first).get_by_role("link").focus()
    covered = []
    for _ in range(20):
        page.keyboard.press(key)
        covered += page.evaluate(COVERED)
    assert covered == []


def test_shelves_are_skipped_one_by_one(open_page, shop):
    page = open_page(shopper=shop.shopper)
    settled(page, "/")
    page.get_by_role("link", name="Skip “Continue shopping”").focus()
    for title in ("Buy again", "Recommended for you"):
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=f"Skip “{title}”")).to_be_focused()


OF_PRODUCTS = {f"products.{name}" for name in ("name", "brand", "description", "sku")}
OF_ORDERS = {f"orders.{name}" for name in ("productName", "name", "countryArea", "city", "streetAddress")}
SAID = {
    "/": {"top-page.title", "top-page.productName", "banners.title", "banners.body", "banners.linkText", "banners.alt"},
    f"/search?q={WORD}&inStock=true&brand=Kaigan": {"search.name", "search.value", "search.unit", "search.correctedTo"},
    "/search?q=nothing-like-it": {"suggestions.text", "search.correctedTo", "products.name"},
    "/categories/{category}": {"categories.name", "search.name"},
    "/products/{parent}": {*OF_PRODUCTS, "categories.name", "variants.name"},
    "/products/{variant}": {
        *(*OF_PRODUCTS, "products.cut", "attributes.name", "attributes.unit"),
        *("reviews.text", "mine.text"),
    },
    "/cart": {"carts.productName"},
    "/checkout": {"carts.productName", "users.name", "users.city"},
    "/orders": {"orders.productName"},
    "/orders/{delivered}": {*OF_ORDERS, "returns.reason", "returns.decisionReason"},
    "/orders/{waiting}": OF_ORDERS,
    "/orders/{cancelled}": {*OF_ORDERS, "orders.cancelReason"},
    "/account": {
        f"users.{name}" for name in ("email", "displayName", "firstName", "lastName", "city", "streetAddress")
    },
    "/merchandising": {
        *("search.name", "search.sku", "top-page-displays.productName", "top-page-displays.reason"),
        *("preview.title", "preview.productName"),
    },
    "/merchandising?part=banners": {"all.title", "all.body", "all.linkText", "all.alt", "campaigns.name"},
    "/merchandising?part=campaigns": {"campaigns.name"},
    "/merchandising?part=reviews": {"reviews.text"},
    "/merchandising?part=trail": {"audit.change", "audit.name", "audit.title", "audit.body", "audit.reason"},
    "/preview/mails": {"inbox.to", "inbox.subject", "inbox.text"},
}
"""Fields of answers that a page shows, by its address: that it was given them is seen, too."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_the_shops_is_ever_executed_nor_wider_than_a_phone(open_page, full, language):
    page = open_page("/", locale=LOCALES[language], viewport=PHONE, bypass_csp=True)
    log_in(page, full)
    page.route(re.compile(r"/(v1|preview)/"), answer_with_canaries)
    for path in opened(page, OF_CUSTOMERS, full):
        assert page.evaluate(EXECUTED) == [], path
        assert SAID.get(path, set()) - set(page.evaluate(SHOWN)) == set(), path
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path


def answer_with_canaries(route):
    if route.request.method != "GET":
        return route.continue_()
    with suppress(Error):  # the page is left, and does not want it any more
        answer = route.fetch()
        is_json = "json" in answer.headers.get("content-type", "")
        said = {"json": full_of_canaries(route.request.url, answer.json())} if is_json else {}
        route.fulfill(response=answer, **said)
    return None


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_is_typed_or_told_as_a_fault_is_ever_executed(open_page, full, language):
    page = open_page("/", locale=LOCALES[language], viewport=PHONE, bypass_csp=True)
    log_in(page, full)
    typed = canary("typed")
    settled(page, f"/search?{urlencode({'q': typed, 'brand': typed, 'attribute': f'cut:{typed}'})}")
    assert (page.evaluate(EXECUTED), page.evaluate(SHOWN)) == ([], ["typed"])
    fault = {"status": 422, "type": "urn:x", "detail": canary("detail"), "errors": []}
    fault["errors"] = [
        {"field": canary("field"), "message": canary("message")},
        {"field": "body.email", "message": canary("message")},
    ]
    settled(page, "/account/register")
    page.route("**/v1/auth/registrations", lambda route: route.fulfill(status=422, json=fault))
    page.locator("[name=email]").fill("aiko@example.com")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main form .primary").click()
    expect(page.locator("main form .problem")).to_contain_text("«field»")
    assert page.evaluate(EXECUTED) == []
    open_page.complaints.clear()  # the browser's own words on the 422


@pytest.mark.parametrize(
    "write",
    [
        "(text) => { document.querySelector('main').innerHTML = text; }",
        "(text) => { document.querySelector('main a').href = text; }",
        "(text) => { document.querySelector('main img').src = text; }",
        "(text) => { document.querySelector('main').setAttribute('style', text); }",
    ],
)
def test_a_text_that_is_written_as_anything_else_is_found(open_page, write):
    page = open_page("/", bypass_csp=True)
    settled(page, "/")
    assert page.evaluate(EXECUTED) == []
    page.evaluate(write, canary("here"))
    wait_until(lambda: page.evaluate(EXECUTED))
    page.close()
    open_page.complaints.clear()  # the browser's own words on a picture that is none
