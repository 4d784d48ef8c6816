"""What an order asks of other services: only the fields that it needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from services.common.runtime.answers import UnexpectedStatusError
from services.common.runtime.errors import Conflict
from services.common.runtime.http_client import ServiceClient
from services.order.settings import OrderSettings

CALL_SECONDS = 5.0
REFUSALS = frozenset({404, 409, 422})
Shape = TypeVar("Shape")


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
        names = ("cart", "catalog", "payment", "profile")
        self._clients = {
            name: ServiceClient(
                name, getattr(settings, f"{name}_url"), timeout=CALL_SECONDS, auth=settings.authentication(name)
            )
            for name in names
        }

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()

    async def ask(self, shape: type[Shape], name: str, method: str, path: str, body: Any = None) -> Shape:  # noqa: ANN401
        """Call and return what the service answers."""
        with _refusals(name):
            return await self._clients[name].read(shape, method, path, json=body)

    async def tell(self, name: str, method: str, path: str, body: Any = None) -> None:  # noqa: ANN401 - JSON
        """Call a service that has nothing to answer."""
        with _refusals(name):
            answer = await self._clients[name].request(method, path, json=body)
            if not answer.is_success:
                raise UnexpectedStatusError(name, answer)


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    try:
        yield
    except UnexpectedStatusError as error:
        if error.answer.status_code in REFUSALS:
            raise Refused(f"{name}: {_detail(error)}", error.answer.status_code) from error
        raise


def _detail(error: UnexpectedStatusError) -> str:
    try:
        problem = error.answer.json()
        return str(problem.get("detail") or problem.get("title"))
    except ValueError:
        return f"status {error.answer.status_code}"
