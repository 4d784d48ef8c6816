"""An account from its first page to its last, in a real browser, by keyboard and on a phone."""

import json
import uuid
from contextlib import suppress

import httpx2
import psycopg
import pytest
from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import expect

from tests.waiting import wait_until

pytestmark = pytest.mark.browser

PASSWORD = "seven green lanterns over the bridge"
PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}
MOST_TABS = 60
expect.set_options(timeout=30_000)


@pytest.fixture
def email():
    return f"aiko-{uuid.uuid4().hex[:8]}@example.com"


def heading(page, text):
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def latest_link(page, email):
    """The link of the newest mail to an address, on the page that shows the preview's mails."""
    page.goto("/preview/mails")
    mail = page.get_by_role("listitem").filter(has_text=f"To {email}").first
    while not mail.is_visible():
        with suppress(Late):
            mail.wait_for(timeout=1_000)
            break
        page.get_by_role("button", name="Look again").click()
    return mail.get_by_role("link")


def fill(page, button, **fields):
    for label, text in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(text)
    page.get_by_role("button", name=button, exact=True).click()


def register(page, email):
    page.goto("/account/register")
    fill(page, "Create the account", Email_address=email, Password=PASSWORD)
    heading(page, "Look into your mails")
    latest_link(page, email).click()
    page.get_by_role("button", name="Confirm").click()
    heading(page, "Your address is confirmed")


def log_in(page, email, password=PASSWORD):
    page.goto("/account/login")
    fill(page, "Log in", Email_address=email, Password=password)
    heading(page, "Good to see you")


def tab_to(page, locator):
    """Go to a control by the tabulator alone."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if locator.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"the keyboard does not reach {locator}")


def test_an_account_is_made_used_and_left_by_keyboard_alone(open_page, email):
    page = open_page("/", viewport={"width": 1280, "height": 900})
    heading(page, "Welcome")
    tab_to(page, page.get_by_role("link", name="Log in"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Create an account"))
    page.keyboard.press("Enter")
    heading(page, "Create an account")
    tab_to(page, page.get_by_label("Email address"))
    page.keyboard.type(email)
    tab_to(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    heading(page, "Look into your mails")
    link = latest_link(page, email)
    tab_to(page, link)
    page.keyboard.press("Enter")
    heading(page, "Confirm your address")
    tab_to(page, page.get_by_role("button", name="Confirm"))
    page.keyboard.press("Enter")
    heading(page, "Your address is confirmed")
    tab_to(page, page.get_by_role("link", name="Log in").last)
    page.keyboard.press("Enter")
    heading(page, "Log in")
    tab_to(page, page.get_by_label("Email address"))
    page.keyboard.type(email)
    tab_to(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    heading(page, "Good to see you")
    tab_to(page, page.get_by_role("link", name="Account"))
    page.keyboard.press("Enter")
    heading(page, "Your account")
    tab_to(page, page.get_by_label("Shown name"))
    page.keyboard.type("Aiko")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Name", exact=True).get_by_role("status")).to_have_text("Saved.")
    page.reload()
    expect(page.get_by_label("Shown name")).to_have_value("Aiko")
    page.get_by_role("button", name="Log out").focus()
    page.keyboard.press("Enter")
    heading(page, "Welcome")
    assert page.evaluate("fetch('/v1/users/me').then((answer) => answer.status)") == 403
    open_page.complaints.clear()  # the browser's own words on the 403


def test_one_keeps_ones_own_data_on_a_phone(open_page, email):
    page = open_page("/", **PHONE)
    register(page, email)
    log_in(page, email)
    page.get_by_role("link", name="Account").tap()
    heading(page, "Your account")
    addresses = page.get_by_role("region", name="Addresses")
    addresses.get_by_role("button", name="Add an address").tap()
    wrong = {"Name": "青木 愛子", "Postal_code": "999", "Prefecture_or_state": "東京都", "City": "千代田区"}
    fill(addresses, "Save the address", **wrong, Street_and_number="千代田1-1")
    code = addresses.get_by_label("Postal code")
    expect(code).to_have_attribute("aria-invalid", "true")
    expect(code).to_have_accessible_description("Such as 100-0001. Must be a postal code of JP, such as 154-0023.")
    expect(code).to_be_focused()
    fill(addresses, "Save the address", Postal_code="1000001")
    expect(addresses.get_by_role("listitem")).to_contain_text("100-0001")
    preferences = page.get_by_role("region", name="Preferences")
    preferences.get_by_label("Personal shelves").uncheck()
    preferences.get_by_label("On sale").uncheck()
    preferences.get_by_role("button", name="Save the preferences").tap()
    expect(preferences.get_by_role("status")).to_have_text("Saved.")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").tap()
    sections = json.loads(download.value.path().read_text())["sections"]
    assert sections["profile"]["email"] == sections["auth"]["email"] == email
    assert sections.keys() == {"profile", "auth", "content", "cart", "order", "payment", "analytics"}
    fill(page.get_by_role("region", name="Delete the account"), "Delete my account", Password="wrong")
    expect(page.get_by_role("alert").filter(has_text="password")).to_be_visible()
    fill(page.get_by_role("region", name="Delete the account"), "Delete my account", Password=PASSWORD)
    expect(page.get_by_text("Your account is deleted.")).to_be_visible()
    open_page.complaints.clear()  # the browser's own words on the 422 and the 403


def test_what_a_visitor_looked_at_is_there_after_login(shop, open_page, email):
    product = httpx2.get(f"{shop.gateway_url}/v1/products?limit=1").json()["items"][0]
    page = open_page("/")
    register(page, email)
    page.goto(f"/products/{product['id']}")
    heading(page, product["name"])
    visitor = page.evaluate("fetch('/session').then((answer) => answer.json()).then(({ userId }) => userId)")
    log_in(page, email)
    with psycopg.connect(shop.warehouse_url, autocommit=True) as connection:
        query = "SELECT 1 FROM raw.auth_v1 WHERE event_type = 'USER_AUTHENTICATED' AND data->>'visitorId' = %s"
        wait_until(lambda: connection.execute(query, [visitor]).fetchall())

    def is_there():
        page.goto("/")
        shelf = page.get_by_role("region", name="Continue shopping")
        shelf.wait_for()
        return shelf.locator(f'a[href="/products/{product["id"]}"]').count() == 1

    wait_until(is_there)


def test_a_second_person_at_the_browser_inherits_nothing(open_page, email):
    page = open_page("/")
    identity = "fetch('/session').then((answer) => answer.json()).then(({ userId }) => userId)"
    before = page.evaluate(identity)
    register(page, email)
    log_in(page, email)
    page.goto("/account")
    page.get_by_role("button", name="Log out").click()
    heading(page, "Welcome")
    after = page.evaluate(identity)
    assert after.startswith("anon:")
    assert after != before


def test_a_password_that_is_forgotten_is_replaced_by_a_mail(open_page, email):
    page = open_page("/")
    register(page, email)
    page.goto("/account/reset")
    fill(page, "Send a mail", Email_address=email)
    heading(page, "Look into your mails")
    latest_link(page, email).click()
    heading(page, "Choose a new password")
    new = f"another {PASSWORD}"
    fill(page, "Set the password", New_password=new)
    heading(page, "Your password is changed")
    log_in(page, email, new)


def test_a_wrong_password_is_told_and_keeps_the_address(open_page, email):
    page = open_page("/account/login")
    fill(page, "Log in", Email_address=email, Password="not this one")
    expect(page.get_by_role("alert").filter(has_text="password")).to_be_visible()
    expect(page.get_by_label("Email address")).to_have_value(email)
    open_page.complaints.clear()  # the browser's own words on the 401


def test_a_session_goes_on_when_its_token_has_ended_or_is_not_taken_any_more(open_page, shop, email):
    page = open_page("/")
    register(page, email)
    log_in(page, email)
    page.context.clear_cookies(name="tanawari_session")
    page.goto("/account")
    heading(page, "Your account")
    page.context.add_cookies([{"name": "tanawari_session", "value": "revoked", "url": shop.gateway_url}])
    page.get_by_label("Shown name").fill("Aiko")
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("region", name="Name", exact=True).get_by_role("status")).to_have_text("Saved.")
    open_page.complaints.clear()  # the browser's own words on the 401
