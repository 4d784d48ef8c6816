"""The current products: first those of the bundle, then updated by live events."""

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from math import inf
from typing import Any

import msgspec
import orjson

from ml.bundle.bundle import Bundle


class Product(msgspec.Struct, frozen=True, dict=True):
    """One product; times are seconds since 1970 UTC."""

    product_id: int
    name: str
    price: Decimal
    currency: str
    image: str | None
    rating: float
    product_type: str | None
    category_id: int | None
    category_name: str | None
    is_active: bool
    is_recommendable: bool
    stock: int
    sku: str | None = None
    parent_id: int | None = None
    category_code: str | None = None
    special_price: Decimal | None = None
    special_starts_at: float = -inf
    special_ends_at: float = inf

    @property
    def family(self) -> int:
        """The product of which at most one variant is shown: its parent, or itself."""
        return self.product_id if self.parent_id is None else self.parent_id

    def offer_at(self, moment: float) -> Decimal | None:
        """The special price that is valid at `moment`.

        None if it is not below the price, or the product is inactive or out of stock.
        """
        offer = self.special_price
        if offer is None or not self.is_active or self.stock <= 0:
            return None
        return offer if offer < self.price and self.special_starts_at <= moment < self.special_ends_at else None

    def card(self, offer: Decimal | None) -> dict[str, Any]:
        """The product's card as JSON values; `offer` is the current special price."""
        return {
            "productId": self.product_id,
            "sku": self.sku,
            "productName": self.name,
            "productPrice": str(self.price),
            "specialPrice": None if offer is None else str(offer),
            "currency": self.currency,
            "rating": self.rating,
            "image": self.image,
            "categoryId": self.category_id,
            "categoryCode": self.category_code,
            "categoryName": self.category_name,
        }

    @cached_property
    def plain_card(self) -> orjson.Fragment:
        """The card without an offer, rendered once."""
        return orjson.Fragment(orjson.dumps(self.card(None)))


class Catalogue:
    """Products by item index (the bundle's indices first, then products that came later).

    Attributes:
        families: the family of each item.
        is_shown: whether each item may be on a shelf. A parent may not: its variants are sold.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._popularity: list[float] = bundle.content.popularity.tolist()
        self.products: list[Product] = list(_products(bundle))
        self.index = {product.product_id: item for item, product in enumerate(self.products)}
        self.families = [product.family for product in self.products]
        self._variants: dict[int, set[int]] = {}
        for item, product in enumerate(self.products):
            self._adopt(item, product.parent_id)
        self.is_shown = bytearray(self._may_be_shown(product) for product in self.products)
        self.category_names = {product.category_id: product.category_name for product in self.products}
        self.category_codes = {product.category_id: product.category_code for product in self.products}
        self._by_sku: dict[str, int] = {}
        for product in self.products:
            self._name(product)
        self._offers: dict[int, None] | None = None

    def get(self, product_id: int) -> Product | None:
        """The product with that id, if known."""
        item = self.index.get(product_id)
        return None if item is None else self.products[item]

    def is_listed(self, product: Product) -> bool:
        """Whether the shop sells it: it is active, and neither a pseudo product nor a parent."""
        return product.is_active and product.is_recommendable and not self._variants.get(product.product_id)

    def families_of(self, product_ids: Iterable[int]) -> set[int]:
        """The families of products; one that is not known is its own."""
        products = ((each, self.get(each)) for each in product_ids)
        return {each if product is None else product.family for each, product in products}

    def id_of(self, sku: str) -> int | None:
        """The id of the product with that sku, if known."""
        return self._by_sku.get(sku)

    def _name(self, product: Product) -> None:
        """If a sku was reused, the active product has it, not the deleted one."""
        if product.sku is not None and (product.is_active or product.sku not in self._by_sku):
            self._by_sku[product.sku] = product.product_id

    def put(self, product: Product) -> None:
        """Store the product's current state."""
        self._name(product)
        item = self.index.setdefault(product.product_id, len(self.products))
        before = None
        if item == len(self.products):
            self.products.append(product)
            self.families.append(product.family)
            self.is_shown.append(False)
            self._popularity.append(0.0)
        else:
            before = self.products[item].parent_id
            self._variants.get(before or 0, set()).discard(item)
            self.products[item], self.families[item] = product, product.family
        self._adopt(item, product.parent_id)
        for product_id in (product.product_id, before, product.parent_id):
            if product_id is not None and product_id in self.index:
                concerned = self.index[product_id]
                self.is_shown[concerned] = self._may_be_shown(self.products[concerned])
        self._offers = None

    def _adopt(self, item: int, parent_id: int | None) -> None:
        if parent_id is not None:
            self._variants.setdefault(parent_id, set()).add(item)

    def representative(self, item: int) -> int:
        """The most popular variant of a parent, and every other item itself."""
        variants = self._variants.get(self.products[item].product_id)
        return max(variants, key=lambda each: (self._popularity[each], -each)) if variants else item

    def _may_be_shown(self, product: Product) -> bool:
        return self.is_listed(product) and product.stock > 0

    @property
    def offers(self) -> dict[int, None]:
        """Items with a special price, current or not, most popular first."""
        if self._offers is None:
            offers = (item for item, product in enumerate(self.products) if product.special_price is not None)
            self._offers = dict.fromkeys(sorted(offers, key=lambda item: -self._popularity[item]))
        return self._offers


def _products(bundle: Bundle) -> Iterable[Product]:
    columns = [name for name in Product.__struct_fields__ if not name.startswith("special_")]
    frame = bundle.content.items
    starts = frame["special_starts_at"].dt.epoch("us") / 1e6
    ends = frame["special_ends_at"].dt.epoch("us") / 1e6
    special = frame.select("special_price", starts.fill_null(-inf), ends.fill_null(inf))
    for row, offer, digits in zip(
        frame.select(columns).iter_rows(), special.iter_rows(), frame["currency_digits"], strict=True
    ):
        yield _in_digits(Product(*row, *offer), digits)


def _in_digits(product: Product, digits: int | None) -> Product:
    """The product with amounts in the decimals of its currency."""
    if digits is None:
        return product
    unit = Decimal(1).scaleb(-digits)
    amounts = {name: getattr(product, name) for name in ("price", "special_price")}
    return msgspec.structs.replace(
        product, **{name: each.quantize(unit) for name, each in amounts.items() if each is not None}
    )
