"""Filling one shelf from rankings: what may stand on it, how many, and how varied."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ml.catalogue import Product
from ml.shelf_candidates import Candidate
from ml.shelf_rules import DisplayType, ShelfRule
from ml.shelf_sources import Visit


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted of a page: which shelves, how long, without which product ids, which categories and products.

    `prices` are special prices, true now, that go before the catalogue's: product id -> price. Sold-out products stand
    on no shelf unless they are asked for.
    """

    display_types: Collection[DisplayType] | None = None
    limit: int | None = None
    exclude: Collection[int] = ()
    category_ids: frozenset[int] | None = None
    keep: Callable[[Product], bool] | None = None
    prices: Mapping[int, Decimal] = field(default_factory=dict)
    with_sold_out: bool = False

    def admits(self, product: Product) -> bool:
        """Whether a product is one of those that were asked for."""
        if self.category_ids is not None and product.category_id not in self.category_ids:
            return False
        return self.keep is None or self.keep(product)


@dataclass(slots=True)
class Filling:
    """A shelf being filled, with the counts that its variety rests on."""

    visit: Visit
    rule: ShelfRule
    ask: Ask
    taken: set[int]
    limit: int
    any_offer: bool = False
    chosen: list[Candidate] = field(default_factory=list)
    types: dict[str | None, int] = field(default_factory=dict)
    categories: dict[int | None, int] = field(default_factory=dict)

    def take(self, candidates: Iterator[Candidate]) -> None:
        """Choose from `candidates`, best first, until the shelf is full."""
        products, is_shown, taken = self.visit.catalogue.products, self.visit.catalogue.is_shown, self.taken
        sold_out_too = self.ask.with_sold_out
        if len(self.chosen) >= self.limit:
            return
        for candidate in candidates:
            item = candidate.item
            if item in taken or not (is_shown[item] or (sold_out_too and products[item].is_listed)):
                continue
            if not self._fits(item, products[item]):
                continue
            taken.add(item)
            self.chosen.append(candidate)
            if len(self.chosen) >= self.limit:
                return

    def _fits(self, item: int, product: Product) -> bool:
        rule = self.rule
        if rule.offer and not self._is_offer(item, product):
            return False
        if not self.ask.admits(product):
            return False
        of_type = self.types.get(product.product_type, 0)
        of_category = self.categories.get(product.category_id, 0)
        if (rule.max_per_type and of_type >= rule.max_per_type and product.product_type) or (
            rule.max_per_category and of_category >= rule.max_per_category
        ):
            return False
        self.types[product.product_type] = of_type + 1
        self.categories[product.category_id] = of_category + 1
        return True

    def _is_offer(self, item: int, product: Product) -> bool:
        if self.visit.offer(product) is None:
            return False
        return self.any_offer or self.visit.is_todays(item) == (self.rule.offer == "today")
