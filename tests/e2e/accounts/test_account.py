"""An account from its first page to its last, and what it buys, in a real browser, by keyboard and on a phone."""

import json
import uuid
from contextlib import suppress

import httpx2
import psycopg
import pytest
from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import expect

from tests.e2e.customers import PASSWORD, customer_of, new_email, order, post, staff_of
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}
MOST_TABS = 120
LONG_NAME = f"Kombu{'kombu' * 20}, dried on the northern shore, with a name that no shelf was made for"
expect.set_options(timeout=30_000)


@pytest.fixture
def email():
    return new_email()


def heading(page, text):
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def link_of_mail(page, email, subject="Confirm your address"):
    """The link of the newest mail of that subject to an address, on the page that shows the preview's mails."""
    page.goto("/preview/mails")
    mail = page.get_by_role("listitem").filter(has_text=f"To {email}").filter(has_text=subject).first
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
    link_of_mail(page, email).click()
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


@pytest.fixture
def customer(shop, email):
    with customer_of(shop.gateway_url, email) as client:
        yield client


@pytest.fixture
def staff(shop):
    with staff_of(shop) as client:
        yield client


def new_product(staff, price, name="Green tea"):
    line = {"sku": str(uuid.uuid4()), "name": name, "price": price, "currency": "USD", "stock": 20}
    return post(staff, "/v1/products", **line)["id"]


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
    link = link_of_mail(page, email)
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
    assert sections.keys() == {"profile", "auth", "content", "catalog", "cart", "order", "payment", "analytics"}
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
    with page.expect_request("**/v1/actions"):
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
    link_of_mail(page, email, "Choose a new password").click()
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


def test_a_visitor_fills_a_cart_logs_in_and_orders_by_keyboard_alone(open_page, customer, staff, email):
    page = open_page(f"/products/{new_product(staff, '2.50')}", viewport={"width": 1280, "height": 900})
    press = page.keyboard.press
    tab_to(page, page.get_by_role("button", name="Add to cart: Green tea"))
    press("Enter")
    expect(page.get_by_text("Green tea is in the cart.")).to_be_visible()
    page.get_by_role("link", name="Cart, 1 piece").focus()
    press("Enter")
    heading(page, "Your cart")
    tab_to(page, page.get_by_label("Quantity of Green tea"))
    press("ArrowUp")
    expect(page.get_by_role("region", name="Total")).to_contain_text("Total $5.00")
    tab_to(page, page.get_by_role("link", name="To the checkout"))
    press("Enter")
    heading(page, "Log in")
    tab_to(page, page.get_by_label("Email address"))
    page.keyboard.type(email)
    tab_to(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(PASSWORD)
    press("Enter")
    heading(page, "Checkout")
    expect(page.get_by_role("region", name="Your order")).to_contain_text("Green tea× 2")  # noqa: RUF001 - as it is shown
    tab_to(page, page.get_by_role("button", name="Order and pay $5.00"))
    press("Enter")
    expect(page.get_by_role("region", name="Status")).to_contain_text("Paid")
    expect(page.get_by_role("region", name="Order")).to_contain_text("東京都 千代田区 千代田1-1")
    expect(page.get_by_role("link", name="Cart", exact=True)).to_be_visible()
    assert [each["totalAmount"] for each in customer.get("/v1/orders").json()["items"]] == ["5.00"]


def test_who_has_no_address_gives_one_at_the_checkout_and_orders(open_page, customer, staff, email):
    me = customer.get("/v1/users/me").json()
    without = {"version": me["version"], "address": {"addresses": []}}
    customer.patch("/v1/users/me", json=without).raise_for_status()
    post(customer, "/v1/carts/me/items", productId=new_product(staff, "2.50"), quantity=1)
    page = open_page()
    log_in(page, email)
    page.goto("/checkout")
    delivery = page.get_by_role("region", name="Delivery and payment")
    expect(delivery).to_contain_text("First an address")
    where = {"Postal_code": "100-0001", "Prefecture_or_state": "東京都", "City": "千代田区"}
    fill(page, "Save the address", Name="Aiko", **where, Street_and_number="千代田1-1")
    expect(delivery.get_by_role("radio", name="Aiko")).to_be_focused()
    delivery.get_by_role("button", name="Another address").click()
    fill(page, "Save the address", Name="Office", **where, Street_and_number="丸の内2-2")
    expect(delivery.get_by_role("radio", name="Office")).to_be_checked()
    delivery.get_by_role("button", name="Another address").click()
    delivery.get_by_role("button", name="Cancel").click()
    expect(delivery.get_by_role("radio", name="Office")).to_be_checked()
    page.get_by_role("button", name="Order and pay $2.50").click()
    expect(page.get_by_role("region", name="Order")).to_contain_text("丸の内2-2")


def test_one_approves_cancels_and_sends_back_on_a_phone(open_page, customer, staff, email):
    tea, kombu = new_product(staff, "3.00"), new_product(staff, "4.01", LONG_NAME)
    delivered, unwanted = order(customer, tea, quantity=2), order(customer, tea)
    for step in ("pack", "ship", "deliver"):
        post(staff, f"/v1/orders/{delivered}/{step}")
    page = open_page("/", **PHONE)
    state, returns = page.get_by_role("region", name="Status"), page.get_by_role("region", name="Returns")

    def look(path, text):
        page.goto(path)
        expect(page.get_by_role("main")).to_contain_text(text)
        assert page.evaluate("document.documentElement.scrollWidth") == 375, path

    log_in(page, email)
    look(f"/products/{kombu}", LONG_NAME)
    page.get_by_role("button", name="Add to cart").first.tap()
    expect(page.get_by_role("link", name="Cart, 1 piece")).to_be_visible()
    look("/cart", LONG_NAME)
    look("/checkout", LONG_NAME)
    page.get_by_role("button", name="Order and pay $4.01").tap()
    expect(state).to_contain_text("One step is left: approve the payment.")
    page.get_by_role("button", name="Approve the payment").tap()
    expect(state).to_contain_text("Paid")

    look("/orders", f"Order {unwanted}")
    page.get_by_role("link", name=f"Order {unwanted}").tap()
    page.get_by_text("Cancel this order").tap()
    fill(page, "Cancel the order", **{"Why_do_you_cancel_it?": "Too late."})
    expect(state).to_contain_text("Cancelled")
    expect(state).to_contain_text("Too late. What was paid is given back.")

    look(f"/orders/{delivered}", "Delivered")
    page.get_by_text("Return something").tap()
    fill(page, "Ask to return it", Green_tea="2", **{"Why_does_it_come_back?": "Bitter"})
    expect(returns).to_contain_text("Asked for")
    expect(returns).to_contain_text("2 × Green tea")  # noqa: RUF001 - as it is shown
    [back] = customer.get(f"/v1/orders/{delivered}/returns").json()["items"]
    post(staff, f"/v1/returns/{back['id']}/approve", reason="Sorry")
    post(staff, f"/v1/returns/{back['id']}/receive")
    expect(returns).to_contain_text("You get back $6.00. The shop says: Sorry.")
    expect(state).to_contain_text("Returned")

    declined = order(customer, new_product(staff, "4.02"), status="CANCELLED")
    look(f"/orders/{declined}", "Declined by the local provider. Your cart is as it was.")
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_a_click_adds_one_piece_however_often_it_is_sent(open_page, staff):
    page = open_page(f"/products/{new_product(staff, '2.50')}")
    keys = []

    def lose(route):
        keys.append(route.request.headers["idempotency-key"])
        route.abort() if len(keys) == 1 else route.continue_()

    page.route("**/v1/carts/me/items", lose)
    page.get_by_role("button", name="Add to cart: Green tea").dblclick()
    expect(page.get_by_role("link", name="Cart, 1 piece")).to_be_visible()
    page.get_by_role("button", name="Add to cart: Green tea").click()
    expect(page.get_by_role("link", name="Cart, 2 pieces")).to_be_visible()
    assert keys[0] == keys[1] != keys[2]
    open_page.complaints.clear()  # the browser's own words on the lost request


def test_the_cart_says_what_has_changed_and_what_is_not_there_any_more(open_page):
    page = open_page("/")
    base = {"sku": "7", "productImage": None, "addedAt": "2026-11-01T00:00:00Z", "currency": "USD", "quantity": 2}
    base |= {"addedPrice": "1.00", "productPrice": "1.20", "amount": "2.40", "hasNewPrice": True, "left": None}
    names = {"GONE": "Leek", "OUT_OF_STOCK": "Egg", "TOO_FEW": "Rice", None: "Tea"}
    items = [
        {**base, "id": number, "productId": number, "productName": name, "obstacle": obstacle}
        for number, (obstacle, name) in enumerate(names.items())
    ]
    items[2]["left"] = 1
    cart = {"userId": "anon:1", "items": items, "currency": "USD", "total": "2.40", "canBeBought": False, "stale": True}
    page.route("**/v1/carts/me", lambda route: route.fulfill(json=cart))
    page.goto("/cart")
    lines = page.get_by_role("list", name="Products in the cart").get_by_role("listitem")
    expect(lines).to_contain_text(["Not sold any more", "Out of stock", "Only 1 left", "it was $1.00"])
    expect(page.get_by_text("these are the last known ones")).to_be_visible()
    expect(page.get_by_role("region", name="Total")).to_contain_text("Total $2.40")
    expect(page.get_by_role("link", name="To the checkout")).to_be_hidden()


def test_who_views_as_a_shopper_changes_no_cart(shop, open_page):
    page = open_page(shopper=shop.shopper)
    page.get_by_role("region", name="On sale").get_by_role("button", name="Add to cart").first.click()
    expect(page.get_by_text(f"You view as {shop.shopper}")).to_be_visible()
    page.goto("/cart")
    expect(page.get_by_role("main")).to_contain_text("Nothing is in the cart.")


def test_a_merchandiser_pins_a_product_and_sees_the_page_with_it(open_page, customer, staff, email):
    product = new_product(staff, "5.00", f"Quokka of {email}")
    wait_until(lambda: customer.get("/v1/search", params={"q": "quokka"}).json()["total"])
    me = customer.get("/v1/users/me").json()["id"]
    staff.put(f"/v1/auth/users/{me}/roles/merchandiser").raise_for_status()
    page = open_page("/merchandising")
    expect(page.get_by_role("main")).to_contain_text("Log in as a merchandiser.")
    log_in(page, email)
    page.get_by_role("link", name="Merchandising").click()
    heading(page, "Merchandising")
    page.get_by_label("Name or article number").fill("quokka")
    page.get_by_label("Name or article number").press("Enter")
    page.get_by_role("radio", name=f"Quokka of {email}").check()
    decision = page.get_by_role("region", name="Pin or hide a product")
    decision.get_by_role("button", name="Save").click()
    expect(decision.get_by_role("status").last).to_have_text("Saved.")
    rows = page.get_by_role("region", name="What is decided")
    expect(rows.get_by_role("listitem").filter(has_text=email)).to_contain_text("Pin")
    looking = page.get_by_role("region", name="The page of a shopper")

    def is_pinned():
        looking.get_by_role("button", name="Show the page").click()
        expect(looking.get_by_text("As of")).to_be_visible()
        shelf = looking.get_by_role("region", name="Recommended for you")
        return shelf.locator(f'a[href="/products/{product}"]').count() == 1

    wait_until(is_pinned)
    rows.get_by_role("button", name=f"Pause: Quokka of {email}").click()
    expect(rows.get_by_role("button", name=f"Resume: Quokka of {email}")).to_be_visible()
    rows.get_by_role("button", name=f"Remove: Quokka of {email}").click()
    expect(rows.get_by_text(email)).to_be_hidden()
    assert staff.get("/v1/top-page-displays").json()["items"] == []


def test_who_bought_a_product_reviews_it_and_nobody_else_is_asked_to(open_page, customer, staff, email):
    product = new_product(staff, "5.00", f"Reviewed by {email}")
    page = open_page(f"/products/{product}")
    reviews = page.get_by_role("region", name="Reviews")
    expect(reviews).to_contain_text("No review yet.")
    expect(reviews.get_by_role("button")).to_have_count(0)
    log_in(page, email)
    page.goto(f"/products/{product}")
    reviews.get_by_role("button", name="Write or change your review").click()
    expect(reviews).to_contain_text("Only shoppers who bought this product review it.")
    order(customer, product)
    wait_until(lambda: customer.get(f"/v1/products/{product}/reviews/mine").json()["canReview"])
    page.reload()
    reviews.get_by_role("button", name="Write or change your review").click()
    reviews.get_by_role("button", name="Save the review").click()
    expect(reviews.get_by_role("alert")).to_contain_text("Choose a number of stars first.")
    reviews.get_by_role("radio", name="4 of 5 stars").check()
    reviews.get_by_label("What is there to say?").fill("Good tea.\nI buy it again.")
    reviews.get_by_role("button", name="Save the review").click()
    expect(reviews.get_by_role("listitem")).to_contain_text("I buy it again.")
    expect(reviews.get_by_role("button", name="Write or change your review")).to_be_focused()
    expect(reviews.get_by_role("listitem")).to_contain_text("4 of 5 stars")
    expect(page.locator(".facts .stars")).to_contain_text("4 of 5, 1 rating")
