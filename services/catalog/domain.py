"""The state of a product and the consequences of a change: pure rules, no I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from services.common.runtime.errors import Fault, Unprocessable
from services.contracts.envelope import Contract
from services.contracts.events.catalog import ProductSnapshot, SpecialPriceEnded, SpecialPriceSet, StockChanged
from services.contracts.money import exact

MAX_STOCK = 1_000_000
CUT = 2_000
"""The characters of a description that every event carries."""
PATH_SEPARATOR = " > "
UPLOADED = "/v1/images/"
"""The path of the gateway below which uploaded images are served."""
MOST_IMAGES = 20
"""Of one product."""
Changes = Mapping[str, Any]
"""New values by column name; `special_price` is an offer's price, start_date and end_date, or None to end it."""


class Refused(Unprocessable):
    """A rule forbids the change; `field` is the JSON name of the field, `message` the reason."""

    title = "Refused by a rule"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}", errors=[Fault(field=f"body.{field}", message=message)])
        self.field = field
        self.message = message


@dataclass(frozen=True)
class ProductState:
    """A product and the one offer it may have; equal states mean that nothing changed."""

    product: ProductSnapshot
    offer: SpecialPriceSet | None = None
    offer_version: int = 0

    @property
    def id(self) -> int:
        """The product's id."""
        return self.product.product_id

    def changed(self, changes: Changes) -> "ProductState":
        """The state after `changes`; an offer that is no longer below the price ends.

        Raises:
            Refused: a new special price is not below the price, an amount is finer than the currency, or an image is
                one too many.
        """
        fields = {name: value for name, value in changes.items() if name != "special_price"}
        if "description" in changes:
            fields |= described(changes["description"])
        if self.product.rating_count and "rating_count" not in changes:
            fields.pop("rating", None)  # it is that of reviews, which nobody uploads
        if "images" in changes:
            fields["image"] = next(iter(changes["images"]), None)
        elif "image" in changes:
            fields |= _pictured(self.product.images, changes["image"])
        if "price" in changes or "currency" in changes:
            price, currency = changes.get("price", self.product.price), changes.get("currency", self.product.currency)
            fields["price"] = _exact("price", price, currency)
        product = self.product.model_copy(update=fields)
        offer = self.offer
        if "special_price" in changes:
            offer = _offer(product, changes["special_price"])
        elif offer and offer.special_price >= product.price:
            offer = None
        elif offer and offer.currency != product.currency:
            price = _exact("specialPrice", offer.special_price, product.currency)
            offer = offer.model_copy(update={"currency": product.currency, "special_price": price})
        return ProductState(product, offer, self.offer_version)

    def with_next_versions(self, before: "ProductState | None") -> "ProductState":
        """This state with new versions: one more than in `before` for each part that differs."""
        if before is None:
            return replace(self, offer_version=int(self.offer is not None))
        was, now = before.product, self.product
        versions = {
            "product_version": now.product_version + ({**was.__dict__, "stock": now.stock} != now.__dict__),
            "stock_version": now.stock_version + (was.stock != now.stock),
        }
        offer_version = self.offer_version + (self.offer != before.offer)
        return ProductState(now.model_copy(update=versions), self.offer, offer_version)


@dataclass(frozen=True)
class LineOutcome:
    """The outcome of one line: the id of its product or category, or the rule that refused it."""

    status: Literal["created", "updated", "unchanged", "refused"]
    id: int | None = None
    refusal: Refused | None = None

    def id_or_raise(self) -> int:
        """The id.

        Raises:
            Refused: the line was refused.
        """
        if self.refusal is not None:
            raise self.refusal
        assert self.id is not None
        return self.id


def new_product(product_id: int, sku: str, changes: Changes) -> ProductState:
    """Create a product from its first line.

    Raises:
        Refused: name or price is missing, or `changed` refuses it.
    """
    for field in ("name", "price"):
        if field not in changes:
            raise Refused(field, "is needed to create a product")
    return ProductState(_BLANK).changed({**changes, "product_id": product_id, "sku": sku})


def check_parent(field: str, parent: ProductSnapshot, child: ProductSnapshot | None, *, has_variants: bool) -> None:
    """Variants have one level.

    Raises:
        Refused: the parent is a variant, or the product itself, or the product has variants of its own.
    """
    if child is not None and parent.product_id == child.product_id:
        raise Refused(field, "names the product itself")
    if parent.parent_id is not None:
        raise Refused(field, f"names {parent.sku}, which is a variant: name its parent")
    if has_variants:
        raise Refused(field, "cannot be set, because the product has variants of its own")


def described(text: str | None) -> dict[str, str | None]:
    """A description as events carry it: its beginning, and the whole if it is longer."""
    is_long = text is not None and len(text) > CUT
    return {"description": text and text[:CUT], "long_description": text if is_long else None}


def _pictured(images: tuple[str, ...], first: str | None) -> dict[str, Any]:
    """The images with another first one, which replaces the old one unless it was among them; the others stay.

    An uploaded image is neither replaced nor moved back by one from elsewhere: the shop sends that with every import.
    """
    is_uploaded_first = bool(images) and images[0].startswith(UPLOADED)
    if is_uploaded_first and not (first or "").startswith(UPLOADED):
        return {"image": images[0]}
    rest = images if is_uploaded_first or first in images else images[1:]
    pictures = tuple(dict.fromkeys(each for each in (first, *rest) if each is not None))
    if len(pictures) > max(MOST_IMAGES, len(images)):
        raise Refused("image", f"would be one of more than {MOST_IMAGES}: take one from the product first")
    return {"image": next(iter(pictures), None), "images": pictures}


_BLANK = ProductSnapshot.model_construct(
    product_id=0, sku="", name="", price=Decimal(0), product_version=1, stock_version=1
)
"""Copied for each product: to construct one takes five times as long."""


def stored_product(fields: dict[str, Any]) -> ProductSnapshot:
    """A product of these fields, which were validated before they were stored."""
    return _BLANK.model_copy(update=fields)


def _offer(product: ProductSnapshot, terms: Changes | None) -> SpecialPriceSet | None:
    if terms is None:
        return None
    if terms["price"] >= product.price:
        raise Refused("specialPrice", "must be below the price")
    return SpecialPriceSet.model_construct(
        product_id=product.product_id,
        special_price=_exact("specialPrice", terms["price"], product.currency),
        currency=product.currency,
        start_date=terms["start_date"],
        end_date=terms["end_date"],
    )


def _exact(field: str, amount: Decimal, currency: str) -> Decimal:
    try:
        return exact(amount, currency)
    except ValueError as error:
        raise Refused(field, str(error)) from error


def events_between(before: ProductState | None, after: ProductState) -> Iterator[tuple[str, Contract]]:
    """The events of the change from `before` to `after`: one for each part with a new version.

    A change of stock is STOCK_CHANGED, one of the offer SPECIAL_PRICE_SET or _ENDED, any other PRODUCT_UPDATED.
    """
    product = after.product
    if before is None:
        yield "PRODUCT_CREATED", product
    else:
        if product.product_version != before.product.product_version:
            yield "PRODUCT_UPDATED", product
        if product.stock_version != before.product.stock_version:
            level = StockChanged(product_id=after.id, stock=product.stock, stock_version=product.stock_version)
            yield "STOCK_CHANGED", level
    if after.offer_version != (before.offer_version if before else 0):
        version = after.offer_version
        if after.offer is None:
            yield "SPECIAL_PRICE_ENDED", SpecialPriceEnded(product_id=after.id, offer_version=version)
        else:
            yield "SPECIAL_PRICE_SET", after.offer.model_copy(update={"offer_version": version})


def parent_code(code: str) -> str | None:
    """The code one level up, None at the root: `A > B > C` is below `A > B`."""
    parent, separator, _ = code.rpartition(PATH_SEPARATOR)
    return parent if separator else None


def level_of(code: str) -> int:
    """A category's depth, counted from 1 at the root."""
    return code.count(PATH_SEPARATOR) + 1


def leaf_name(code: str) -> str:
    """A category's default name: the last part of its path."""
    return code.rpartition(PATH_SEPARATOR)[2]
