"""Requests and responses of the cart."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.cart.domain import Cart, Line, Obstacle, told_stock
from services.common.web.fields import Id, Schema, ShownMoney, left_out
from services.common.web.references import Sku
from services.contracts.envelope import MAX_QUANTITY, Text

Pieces = Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)]


class NewItem(Schema):
    """A product to add, by our id or the shop's own; what is in the cart already gets `quantity` more.

    `searchId` is the search whose results it was added from.
    """

    product_id: Id = left_out()
    sku: Sku = left_out()
    quantity: Pieces = 1
    search_id: Text = left_out()

    @model_validator(mode="after")
    def _names_one_product(self) -> Self:
        if len({"product_id", "sku"} & self.model_fields_set) != 1:
            raise ValueError("give productId or sku")
        return self

    @property
    def reference(self) -> str:
        """The product, as in a path."""
        return f"sku:{self.sku}" if "sku" in self.model_fields_set else str(self.product_id)


class NewQuantity(Schema):
    """How many there are to be."""

    quantity: Pieces


class CartItemOut(Schema):
    """An item: `productPrice` is true now, `addedPrice` was when it was added, `obstacle` prevents an order."""

    id: int
    product_id: int
    sku: str
    product_name: str
    product_image: str | None
    quantity: int
    added_at: datetime
    currency: str
    product_price: ShownMoney
    added_price: ShownMoney
    has_new_price: bool
    amount: ShownMoney
    obstacle: Obstacle | None
    left: int | None
    """How many there are, where they are too few, and ten at most."""

    @classmethod
    def of(cls, line: Line) -> Self:
        """Build from a valued line."""
        item, product = line.item, line.product
        return cls(
            **{name: item[name] for name in ("id", "product_id", "quantity", "added_at", "added_price")},
            **{name: product[name] for name in ("sku", "product_name", "product_image", "currency")},
            product_price=line.price,
            has_new_price=line.has_new_price,
            amount=line.amount,
            obstacle=line.obstacle,
            left=told_stock(product["stock"]) if line.obstacle is Obstacle.TOO_FEW else None,
        )


class CartOut(Schema):
    """A cart. `stale`: catalog does not answer, so prices and stock are those that it last told."""

    user_id: str
    items: list[CartItemOut]
    currency: str | None
    total: ShownMoney
    can_be_bought: bool
    stale: bool

    @classmethod
    def of(cls, user_id: str, cart: Cart, *, stale: bool) -> Self:
        """Build from a valued cart."""
        return cls(
            user_id=user_id,
            items=[CartItemOut.of(line) for line in cart.lines],
            currency=cart.currency,
            total=cart.total,
            can_be_bought=cart.can_be_bought,
            stale=stale,
        )


class BoughtItem(Schema):
    """What of one product was ordered."""

    product_id: Id
    quantity: Pieces


class Bought(Schema):
    """What leaves the cart, because it was ordered."""

    items: Annotated[list[BoughtItem], Field(min_length=1, max_length=100)]
