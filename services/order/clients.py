"""What an order asks of other services: only the fields that it needs."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx2
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from services.common.runtime.answers import UnexpectedStatusError
from services.common.runtime.errors import Conflict
from services.common.runtime.http_client import ServiceClient
from services.order.settings import OrderSettings

CALL_SECONDS = 5.0
REFUSALS = frozenset({404, 409, 422})
Shape = TypeVar("Shape")
Quantities = Mapping[int, int]
"""Pieces by product id."""


class Refused(Conflict):
    """Another service refuses: a repetition would be refused, too; `code` is its status."""

    title = "Refused"

    def __init__(self, detail: str, code: int) -> None:
        super().__init__(detail)
        self.code = code


class _Read(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class CartLine(_Read):
    """A product in the cart, at the price of now."""

    product_id: int
    product_name: str
    quantity: int
    product_price: Decimal
    amount: Decimal
    obstacle: str | None


class Cart(_Read):
    """A cart."""

    items: list[CartLine]
    currency: str | None
    total: Decimal
    can_be_bought: bool
    stale: bool


class ReservedLine(_Read):
    """A reserved product, at the price of the reservation."""

    product_id: int
    amount: Decimal
    currency: str


class Reservation(_Read):
    """What catalog holds for an order."""

    items: list[ReservedLine]


class Payment(_Read):
    """How far a payment is."""

    stage: str
    action_url: str | None
    failure_reason: str | None


class Refund(_Read):
    """How far a refund is."""

    status: str


class Profile(_Read):
    """A user's addresses."""

    address: dict[str, Any] | None


class Services:
    """The services that an order needs.

    Every call raises CallFailedError if there is no answer, and Refused if the answer is no.
    """

    def __init__(self, settings: OrderSettings) -> None:
        urls = {
            "cart": settings.cart_url,
            "catalog": settings.catalog_url,
            "payment": settings.payment_url,
            "profile": settings.profile_url,
        }
        self._clients = {
            name: ServiceClient(name, url, timeout=CALL_SECONDS, auth=settings.authentication(name))
            for name, url in urls.items()
        }

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()

    async def addresses(self, user_id: str) -> list[dict[str, Any]]:
        """A user's addresses."""
        profile = await self._ask(Profile, "profile", "GET", f"/v1/users/{_quoted(user_id)}")
        return list((profile.address or {}).get("addresses", []))

    async def cart(self, user_id: str) -> Cart:
        """A user's cart."""
        return await self._ask(Cart, "cart", "GET", f"/v1/carts/{_quoted(user_id)}")

    async def empty_cart(self, user_id: str, order_id: int, bought: Quantities) -> None:
        """Take out what was ordered."""
        path = f"/v1/carts/{_quoted(user_id)}/checkouts/{order_id}"
        await self._tell("cart", "PUT", path, json={"items": _items(bought.items())})

    async def reserve(self, order_id: int, wanted: Quantities, seconds: float) -> Reservation:
        """Take pieces out of the stock."""
        body = {"items": _items(wanted.items()), "holdSeconds": int(seconds)}
        return await self._ask(Reservation, "catalog", "PUT", f"/v1/reservations/order-{order_id}", json=body)

    async def commit(self, order_id: int) -> None:
        """The pieces are sold."""
        await self._ask(Reservation, "catalog", "POST", f"/v1/reservations/order-{order_id}/commit")

    async def release(self, order_id: int) -> None:
        """Give the pieces back."""
        await self._ask(Reservation, "catalog", "POST", f"/v1/reservations/order-{order_id}/release")

    async def restock(self, return_id: int, returned: Quantities) -> None:
        """Put returned pieces into the stock."""
        body = {"items": _items(returned.items())}
        await self._tell("catalog", "PUT", f"/v1/restocks/return-{return_id}", json=body)

    async def pay(self, payment_id: UUID, payment: Mapping[str, Any]) -> Payment:
        """Make a payment, or go on with it."""
        return await self._ask(Payment, "payment", "PUT", f"/v1/payments/{payment_id}", json=payment)

    async def payment(self, payment_id: UUID) -> Payment:
        """How far a payment is."""
        return await self._ask(Payment, "payment", "GET", f"/v1/payments/{payment_id}")

    async def capture(self, payment_id: UUID) -> Payment:
        """Take the money."""
        return await self._ask(Payment, "payment", "POST", f"/v1/payments/{payment_id}/capture")

    async def give_up(self, payment_id: UUID) -> Payment:
        """Give up a payment."""
        return await self._ask(Payment, "payment", "POST", f"/v1/payments/{payment_id}/cancel")

    async def refund(self, refund_id: UUID, refund: Mapping[str, Any]) -> Refund:
        """Give money back."""
        return await self._ask(Refund, "payment", "PUT", f"/v1/refunds/{refund_id}", json=refund)

    async def _ask(self, shape: type[Shape], name: str, method: str, path: str, **more: Any) -> Shape:  # noqa: ANN401
        with _refusals(name):
            return await self._clients[name].read(shape, method, path, **more)

    async def _tell(self, name: str, method: str, path: str, **more: Any) -> None:  # noqa: ANN401 - httpx2's own
        with _refusals(name):
            _check_success(name, await self._clients[name].request(method, path, **more))


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    try:
        yield
    except UnexpectedStatusError as error:
        if error.answer.status_code in REFUSALS:
            raise Refused(f"{name}: {_detail(error)}", error.answer.status_code) from error
        raise


def _check_success(name: str, answer: httpx2.Response) -> None:
    if not answer.is_success:
        raise UnexpectedStatusError(name, answer)


def _quoted(user_id: str) -> str:
    return quote(user_id, safe="")


def _items(quantities: Iterable[tuple[int, int]]) -> list[dict[str, int]]:
    return [{"productId": product_id, "quantity": quantity} for product_id, quantity in quantities]


def _detail(error: UnexpectedStatusError) -> str:
    try:
        problem = error.answer.json()
        return str(problem.get("detail") or problem.get("title"))
    except ValueError:
        return f"status {error.answer.status_code}"
