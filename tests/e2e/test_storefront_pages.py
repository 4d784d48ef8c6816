"""What the storefront's pages show of products, banners and searches."""

import uuid

import httpx2
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

expect.set_options(timeout=30_000)


@pytest.fixture
def staff(shop):
    headers = {"Authorization": f"Bearer {shop.staff_token}"}
    with httpx2.Client(base_url=shop.gateway_url, headers=headers, timeout=30) as client:
        yield client


def make(staff, path, **body):
    """Create something, and give it."""
    answer = staff.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    return answer.raise_for_status().json()


@pytest.fixture
def shirt(staff):
    """A parent with three variants: red in S and M, blue in S, which is sold out."""
    for code, name in (("color", "Colour"), ("size", "Size")):
        if not staff.get(f"/v1/attributes/{code}").is_success:
            make(staff, "/v1/attributes", code=code, name=name, type="text")
    sku = uuid.uuid4().hex
    line = {"currency": "USD", "description": "First line\nsecond line"}
    parent = make(staff, "/v1/products", sku=sku, name="Shirt", price="10.00", **line)
    variants = {}
    for color, size, price, stock in (("red", "S", "10.00", 5), ("red", "M", "12.50", 5), ("blue", "S", "11.00", 0)):
        attributes = {"color": color, "size": size}
        name = f"Shirt, {color}, {size}"
        variants[color, size] = make(
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


def test_a_banner_of_the_moment_is_shown_in_the_language_of_the_page(open_page, staff):
    texts = {
        "en": {"title": "Tea weeks", "linkText": "To the teas"},
        "ja": {"title": "お茶の週間", "linkText": "お茶へ"},
    }
    now = {"startDate": "2026-01-01T00:00:00Z"}
    banner = make(staff, "/v1/banners", placement="TOP", texts=texts, link="/search?q=tea", **now)
    page = open_page("/")
    page.get_by_role("region", name="Tea weeks").get_by_role("link", name="To the teas").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("“tea”")
    page = open_page("/", locale="ja-JP")
    expect(page.get_by_role("region", name="お茶の週間")).to_be_visible()
    staff.delete(f"/v1/banners/{banner['id']}", headers={"Idempotency-Key": str(uuid.uuid4())}).raise_for_status()
