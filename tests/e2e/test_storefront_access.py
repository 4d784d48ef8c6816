"""Who can use the storefront: WCAG 2.2 AA as far as axe-core sees it, phone width; and no text becomes a script."""

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAGES = [
    "/",
    "/search?q=tea",
    "/search?q=nothing-like-it",
    "/products/{product}",
    "/categories/{category}",
    "/cart",
    "/checkout",
]
PAGES += ["/orders", "/account/login", "/account/register", "/account/reset", "/preview/mails", "/nowhere"]
LOCALES = {"en": "en-US", "ja": "ja-JP"}
LONG = "Kombu" * 40
CANARY = (
    '<img src=x onerror="self.canary=1"><script>self.canary=1</script>"\'><svg/onload=self.canary=1>{{constructor}}${1}'
)
expect.set_options(timeout=30_000)


COVERED = """() => {
    const { activeElement: at } = document, { x, y, width, height } = at.getBoundingClientRect();
    if (at.matches("body") || at.closest("header, #consent")) return [];
    const seen = [y + 2, y + height / 2, y + height - 2].map((each) => document.elementFromPoint(x + width / 2, each));
    return seen.some((each) => each && !each.closest("header, #consent")) ? [] : [at.outerHTML.slice(0, 200)];
}"""
"""What has the keyboard and lies wholly beneath the header, or the question for consent."""


@pytest.fixture(scope="module")
def staff(shop):
    headers = {"Authorization": f"Bearer {shop.staff_token}"}
    with httpx2.Client(base_url=shop.gateway_url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def ids(shop):
    product = httpx2.get(f"{shop.gateway_url}/v1/products?limit=1").json()["items"][0]
    return {"product": product["id"], "category": product["categoryIds"][0]}


def settled(page, path):
    """Go to a page, and wait until all of it has come."""
    page.goto(path)
    page.locator("main h1").wait_for()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def faults(page):
    found = Axe().run(page, options=RULES).response["violations"]
    return [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LOCALES)
def test_nothing_on_any_page_keeps_somebody_out(open_page, ids, language, scheme):
    page = open_page("/cart", locale=LOCALES[language], color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    found = {}
    for path in PAGES:
        settled(page, path.format(**ids))
        found[path] = faults(page)
    open_page.complaints.clear()  # the browser's own words on the 404
    assert {path: each for path, each in found.items() if each} == {}


def test_nothing_keeps_somebody_out_of_what_is_asked_first(open_page):
    page = open_page("/", consent=None, bypass_csp=True, reduced_motion="reduce")
    settled(page, "/")
    page.get_by_role("button", name="View as").click()
    assert faults(page) == []


@pytest.mark.parametrize("language", LOCALES)
def test_no_page_is_wider_than_a_phone(open_page, ids, language):
    page = open_page("/cart", locale=LOCALES[language], consent=None, **PHONE)
    wide = []
    for path in PAGES:
        settled(page, path.format(**ids))
        if page.evaluate("document.documentElement.scrollWidth") > 375:
            wide.append(path)
    open_page.complaints.clear()  # the browser's own words on the 404
    assert wide == []


def test_whatever_can_be_pressed_is_large_enough(open_page, ids):
    page = open_page("/cart", **PHONE)
    small = """() => [...document.querySelectorAll("a[href], button, input, select, summary")]
        .filter((node) => node.checkVisibility() && !node.closest("p, .skip, .card h3"))  // the whole card is its link
        .map((node) => [node.outerHTML.slice(0, 100), node.getBoundingClientRect()])
        .filter(([, { width, height }]) => width > 1 && (width < 24 || height < 24))
        .map(([html, { width, height }]) => `${html} ${width}x${height}`)"""
    for path in ("/", "/products/{product}", "/search?q=tea"):
        settled(page, path.format(**ids))
        assert [each for each in page.evaluate(small) if 'class="skip"' not in each] == [], path


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


@pytest.mark.parametrize("language", LOCALES)
def test_no_text_of_the_shops_is_ever_executed(open_page, staff, language):
    body = {"name": CANARY, "description": f"{CANARY} {LONG}", "brand": CANARY, "price": "1.00", "currency": "USD"}
    body |= {"sku": f"canary-{language}", "stock": 5}
    category = staff.post(
        "/v1/categories", json={"code": f"{CANARY[:200]} {language}"}, headers={"Idempotency-Key": f"c{language}"}
    )
    body["categoryIds"] = [category.raise_for_status().json()["id"]]
    product = (
        staff.post("/v1/products", json=body, headers={"Idempotency-Key": f"p{language}"}).raise_for_status().json()
    )
    page = open_page("/cart", locale=LOCALES[language], **PHONE)
    page.route("**/v1/top-page", lambda route: route.fulfill(json=_full_of_canaries(route.fetch().json())))
    page.route("**/similar", lambda route: route.fulfill(json=_full_of_canaries(route.fetch().json())))
    page.route("**/v1/carts/me", lambda route: route.fulfill(json=_full_of_canaries(route.fetch().json())))
    paths = (
        "/",
        f"/products/{product['id']}",
        f"/categories/{category.json()['id']}",
        "/cart",
        f"/search?{httpx2.QueryParams(q=CANARY)}",
    )
    for path in paths:
        settled(page, path)
        assert page.evaluate("self.canary") is None, path
        assert page.locator("img[onerror], svg[onload], main script").count() == 0, path
        assert page.evaluate("document.documentElement.scrollWidth") == 375, path


def _full_of_canaries(answer):
    """The answer with the canary in place of each text that is not for the machine."""
    machine = {"displayType", "currency", "recommendationId", "userId", "source", "image", "obstacle"}
    if isinstance(answer, dict):
        return {
            name: CANARY
            if isinstance(value, str) and name not in machine and not _is_number(value)
            else _full_of_canaries(value)
            for name, value in answer.items()
        }
    return [_full_of_canaries(each) for each in answer] if isinstance(answer, list) else answer


def _is_number(text):
    return text.replace(".", "").isdigit()
