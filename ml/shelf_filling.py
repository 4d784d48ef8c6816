"""Filling one shelf from rankings: what may stand on it, how many, and how varied."""

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal

import msgspec

from ml.catalogue import Product
from ml.shelf_candidates import Candidate
from ml.shelf_rules import DisplayType, ShelfRule
from ml.shelf_sources import Visit


class Ask(msgspec.Struct, frozen=True):
    """What is wanted of a page: which shelves, how long, without which product ids, which categories and products.

    `prices` are special prices, true now, that go before the catalogue's: product id -> price. Sold-out products stand
    on no shelf unless they are asked for.
    """

    display_types: Collection[DisplayType] | None = None
    limit: int | None = None
    exclude: Collection[int] = ()
    category_ids: frozenset[int] | None = None
    keep: Callable[[Product], bool] | None = None
    prices: Mapping[int, Decimal] = {}
    with_sold_out: bool = False

    def admits(self, product: Product) -> bool:
        """Whether a product is one of those that were asked for."""
        if self.category_ids is not None and product.category_id not in self.category_ids:
            return False
        return self.keep is None or self.keep(product)


class Filling:
    """A shelf being filled, with the counts that its variety rests on.

    Attributes:
        chosen: what stands on it, best first.
        any_offer: whether an offer of another day will do.
    """

    def __init__(self, visit: Visit, rule: ShelfRule, ask: Ask, taken: set[int], limit: int) -> None:
        self._visit = visit
        self._ask = ask
        self._taken = taken
        self._limit = limit
        self._offer = rule.offer
        self._max_per_type = rule.max_per_type or limit
        self._max_per_category = rule.max_per_category or limit
        self._types: dict[str, int] = {}
        self._categories: dict[int | None, int] = {}
        self.any_offer = False
        self.chosen: list[Candidate] = []

    def take(self, candidates: Iterator[Candidate]) -> None:
        """Choose from `candidates`, best first, until the shelf is full."""
        chosen, limit, taken = self.chosen, self._limit, self._taken
        products, is_shown = self._visit.catalogue.products, self._visit.catalogue.is_shown
        sold_out_too = self._ask.with_sold_out
        if len(chosen) >= limit:
            return
        for candidate in candidates:
            item = candidate.item
            if item in taken or not (is_shown[item] or (sold_out_too and products[item].is_listed)):
                continue
            if not self._fits(item, products[item]):
                continue
            taken.add(item)
            chosen.append(candidate)
            if len(chosen) >= limit:
                return

    def _fits(self, item: int, product: Product) -> bool:
        """Whether an item is what the shelf is for and varied enough; if so it is counted."""
        if (self._offer and not self._is_offer(item, product)) or not self._ask.admits(product):
            return False
        product_type, category = product.product_type, product.category_id
        of_category = self._categories.get(category, 0)
        if of_category >= self._max_per_category:
            return False
        if product_type:
            of_type = self._types.get(product_type, 0)
            if of_type >= self._max_per_type:
                return False
            self._types[product_type] = of_type + 1
        self._categories[category] = of_category + 1
        return True

    def _is_offer(self, item: int, product: Product) -> bool:
        if self._visit.offer(product) is None:
            return False
        return self.any_offer or self._visit.is_todays(item) == (self._offer == "today")
