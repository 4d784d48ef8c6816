"""A shopper's first purchase, as a browser and an operator make it: register, buy two products, send one back.

Everything goes through the gateway. The order and the return are seen in the warehouse, and on the shopper's shelves.
"""

import re
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx2
import psycopg

from services.contracts.money import digits_of
from shop_import.steps import Step, Steps
from stack.environment import Environment
from stack.history import HistoryRecord
from stack.parts.process import PartError

EMAIL: Final = "shopper@demo.example"
ADDRESS: Final = {
    "name": "Demo Shopper",
    "countryCode": "US",
    "countryArea": "OH",
    "city": "Cincinnati",
    "postalCode": "45202",
    "streetAddress": "1 Main Street",
}
SCRIPTED: Final = {401, 402, 408, 504}
"""The last digits of amounts for which the local provider plays something else than a payment."""
EVENTS: Final = ("ORDER_CREATED", "ORDER_COMPLETED", "RETURN_REQUESTED", "RETURN_COMPLETED")
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1
_CODE: Final = re.compile(r"[#&]code=([^&\s]+)")
_LANDED: Final = "SELECT count(*) FROM raw.order_v1 WHERE data ->> 'orderId' = %s"
Found = TypeVar("Found")


def buy_once(environment: Environment, record: HistoryRecord, steps: Steps) -> None:
    """Buy and return, unless the record says that it was done."""
    if not record.has_bought:
        with steps.step("purchase") as step:
            step.counts |= buy_and_return(environment, step)
        record.model_copy(update={"has_bought": True}).write(environment.state.directory)


def buy_and_return(environment: Environment, step: Step) -> dict[str, int]:
    """Buy two products and send one back; returns what was made, and how many of its events have landed.

    Raises:
        PartError: something of it does not happen in time, or is refused.
    """
    with httpx2.Client(base_url=environment.variables["GATEWAY_URL"], timeout=20) as client:
        shopper = Person(client, _log_in(client, environment, step))
        operator = Person(client, environment.signer("auth").user_token("demo-operator", roles=("operator",)))
        step.say("fills a cart")
        shopper.wait("PATCH", "/v1/users/me", {"address": {"addresses": [ADDRESS]}})
        kept, sent_back = _fill_cart(shopper)
        step.say("orders")
        order = shopper.call("POST", "/v1/orders", {"paymentMethod": "CREDIT_CARD"})
        place = f"/v1/orders/{order['id']}"
        order = _until("the order is confirmed", lambda: shopper.call("GET", place), _is("CONFIRMED", "CANCELLED"))
        if order["status"] == "CANCELLED":
            raise PartError(f"the demo's order was cancelled: {order['cancelReason']}")
        for each in ("pack", "ship", "deliver"):
            operator.call("POST", f"{place}/{each}")
        step.say("sends one back")
        wanted = {"items": [{"productId": sent_back, "quantity": 1}], "reason": "not what I expected"}
        back = shopper.call("POST", f"{place}/returns", wanted)
        operator.call("POST", f"/v1/returns/{back['id']}/approve", {})
        operator.call("POST", f"/v1/returns/{back['id']}/receive")
        _until("the return is complete", lambda: shopper.call("GET", f"{place}/returns")["items"][0], _is("COMPLETED"))
        landed = _until(
            "its events have landed", lambda: _landed(environment, order["id"]), lambda count: count == len(EVENTS)
        )
        shelf = _until("the product is on the shelves", lambda: _shelves_with(shopper, kept), bool)
    return {"orders": 1, "returns": 1, "order events": landed, "shelves with it": shelf}


class Person:
    """Somebody with a token."""

    def __init__(self, client: httpx2.Client, token: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Call, and return the answer.

        Raises:
            PartError: it is refused.
        """
        answer = self.ask(method, path, body)
        if not answer.is_success:
            raise PartError(f"{method} {path} answers {answer.status_code}: {answer.text}")
        return dict(answer.json())

    def ask(self, method: str, path: str, body: object = None) -> httpx2.Response:
        """Call, and return the answer, whatever it is."""
        keys = {} if method == "GET" else {"Idempotency-Key": str(uuid4())}
        return self._client.request(method, path, json=body, headers=self._headers | keys)

    def wait(self, method: str, path: str, body: object) -> None:
        """Call until it works: a new user's profile is there after a moment."""
        _until(f"{path} works", lambda: self.ask(method, path, body), lambda answer: answer.is_success)


def _log_in(client: httpx2.Client, environment: Environment, step: Step) -> str:
    """The token of the demo's shopper, who registers at the first time."""
    step.say("registers")
    credentials = {"email": EMAIL, "password": environment.state.secret("demo-shopper")}
    answer = client.post("/v1/auth/sessions", json=credentials)
    if not answer.is_success:
        client.post("/v1/auth/registrations", json=credentials).raise_for_status()
        code = _until("the mail has come", lambda: next(_codes(client), None), bool)
        client.post("/v1/auth/registrations/confirm", json={"email": EMAIL, "code": code}).raise_for_status()
        answer = client.post("/v1/auth/sessions", json=credentials).raise_for_status()
    return str(answer.json()["accessToken"])


def _codes(client: httpx2.Client) -> Iterator[str]:
    """The codes in the mails to the demo's shopper, the latest first."""
    for mail in client.get("/preview/inbox").raise_for_status().json()["items"]:
        if mail["to"] == EMAIL and (found := _CODE.search(mail["text"])):
            yield found[1]


def _fill_cart(shopper: Person) -> tuple[int, int]:
    """Two products of the shelves, such that the local provider takes what they cost; their ids."""
    page = shopper.call("GET", "/v1/top-page")
    items = [item for shelf in page["shelves"] for item in shelf["items"] if item["productId"]]
    first, second = list(dict.fromkeys(item["productId"] for item in items))[:2]
    shopper.call("PUT", f"/v1/carts/me/items/{first}", {"quantity": 1})
    for quantity in range(1, 10):
        cart = shopper.call("PUT", f"/v1/carts/me/items/{second}", {"quantity": quantity})
        if int(Decimal(cart["total"]).scaleb(digits_of(cart["currency"]))) % 1000 not in SCRIPTED:
            return first, second
    raise PartError("the local provider declines every quantity")


def _landed(environment: Environment, order_id: int) -> int:
    with psycopg.connect(environment.variables["WAREHOUSE_LOADER_URL"]) as connection:
        row = connection.execute(_LANDED, [str(order_id)]).fetchone()
    return int(row[0]) if row else 0


def _shelves_with(shopper: Person, product_id: int) -> int:
    """On how many shelves a product stands."""
    page = shopper.call("GET", "/v1/top-page")
    return sum(any(item["productId"] == product_id for item in shelf["items"]) for shelf in page["shelves"])


def _is(*statuses: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: found["status"] in statuses


def _until(what: str, call: Callable[[], Found], holds: Callable[[Found], bool]) -> Found:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds(found := call()):
        if time.monotonic() > deadline:
            raise PartError(f"not within {WAIT_SECONDS:.0f} s: {what}; the last answer was {found}")
        time.sleep(POLL_SECONDS)
    return found
