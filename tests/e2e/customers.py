"""Somebody with an account, as a client of the shop's API; and what such a one does there."""

import re
import uuid
from contextlib import contextmanager

import httpx2

from tests.waiting import wait_until

PASSWORD = "seven green lanterns over the bridge"
ADDRESS = {
    "name": "Aiko Aoki",
    "countryCode": "JP",
    "postalCode": "100-0001",
    "countryArea": "東京都",
    "city": "千代田区",
    "streetAddress": "千代田1-1",
}


def new_email():
    return f"aiko-{uuid.uuid4().hex[:8]}@example.com"


@contextmanager
def customer_of(url, email):
    """A client of somebody with an account and an address."""
    login = {"email": email, "password": PASSWORD}
    with httpx2.Client(base_url=url, timeout=30) as client:
        client.post("/v1/auth/registrations", json=login).raise_for_status()
        mails = wait_until(lambda: [m for m in client.get("/preview/inbox").json()["items"] if m["to"] == email])
        code = re.search(r"code=([\w-]+)", mails[0]["text"])[1]
        client.post("/v1/auth/registrations/confirm", json={"email": email, "code": code}).raise_for_status()
        token = client.post("/v1/auth/sessions", json=login).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        wait_until(lambda: client.get("/v1/users/me").is_success)
        book = {"addresses": [{**ADDRESS, "isDefault": True}]}
        client.patch("/v1/users/me", json={"address": book}).raise_for_status()
        yield client


@contextmanager
def staff_of(shop):
    """A client of somebody with every role."""
    headers = {"Authorization": f"Bearer {shop.staff_token}"}
    with httpx2.Client(base_url=shop.gateway_url, headers=headers, timeout=30) as client:
        yield client


def post(client, path, **body):
    """The answer to a request with a key of its own."""
    answer = client.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    return answer.raise_for_status().json()


def order(customer, product_id, status="CONFIRMED", quantity=1):
    """The id of a new order once it has this status."""
    post(customer, "/v1/carts/me/items", productId=product_id, quantity=quantity)
    order_id = post(customer, "/v1/orders", paymentMethod="CREDIT_CARD")["id"]
    wait_until(lambda: customer.get(f"/v1/orders/{order_id}").json()["status"] == status)
    return order_id
