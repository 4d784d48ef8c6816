"""Fills one shelf from rankings, within its rules for eligibility, length and variety."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import TypeVar

import msgspec

from ml.shelves.candidates import Candidate
from ml.shelves.catalogue import Product
from ml.shelves.rules import DisplayType, ShelfRule
from ml.shelves.sources import Visit

T = TypeVar("T")


class PageQuery(msgspec.Struct, frozen=True):
    """A page request: which shelves, how long, excluded product ids, and filters on categories and products.

    Sold-out products are on no shelf unless requested. Who excludes a variant excludes the others of its parent;
    `hidden` are products that are left out alone, or with all their variants.
    """

    display_types: Collection[DisplayType] | None = None
    limit: int | None = None
    exclude: Collection[int] = ()
    hidden: Collection[int] = ()
    category_ids: frozenset[int] | None = None
    keep: Callable[[Product], bool] | None = None
    with_sold_out: bool = False

    def admits(self, product: Product) -> bool:
        """Whether a product passes the request's filters."""
        if self.category_ids is not None and product.category_id not in self.category_ids:
            return False
        if product.product_id in self.hidden or product.parent_id in self.hidden:
            return False
        return self.keep is None or self.keep(product)


class Filling:
    """A shelf being filled, with its counts for variety.

    Attributes:
        chosen: its products, best first.
        fallback_used: whether some products come from the rule's fallback.
    """

    def __init__(self, visit: Visit, rule: ShelfRule, query: PageQuery, taken: set[int], limit: int) -> None:
        self._visit = visit
        self._rule = rule
        self._query = query
        self._taken = taken
        self._minimum = min(rule.minimum, limit)
        self._max_per_type = rule.max_per_type or limit
        self._max_per_category = rule.max_per_category or limit
        self._types: dict[str, int] = {}
        self._categories: dict[int | None, int] = {}
        self._any_offer = False
        among, is_new = visit.catalogue.offers.keys() if rule.offer else None, rule.bought == "exclude"
        own = partial(visit.source, follows_session=rule.follows_session, is_new=is_new, among=among)
        self._own = in_turns([own(name) for name in rule.sources])
        self._fallback = [partial(visit.source, name, is_new=is_new) for name in rule.fallback]
        self.chosen: list[Candidate] = []
        self.fallback_used = False

    @property
    def is_short(self) -> bool:
        """Whether it has fewer products than its rule's minimum."""
        return len(self.chosen) < self._minimum

    def fill(self, places: int) -> None:
        """Choose products, best first, until this many places are filled; the next call continues from there."""
        self._take(self._own, places)
        own, least = len(self.chosen), places if self.fallback_used else min(places, self._minimum)
        for source in self._fallback:
            if len(self.chosen) < least:
                self._take(source(), places)
        if len(self.chosen) < least and self._rule.offer:
            self._any_offer = True
            self._take(chain.from_iterable(source() for source in self._fallback), places)
        self.fallback_used |= len(self.chosen) > own

    def _take(self, candidates: Iterator[Candidate], places: int) -> None:
        chosen, taken = self.chosen, self._taken
        catalogue = self._visit.catalogue
        products, families, is_shown = catalogue.products, catalogue.families, catalogue.is_shown
        sold_out_too = self._query.with_sold_out
        if len(chosen) >= places:
            return
        for candidate in candidates:
            item = candidate.item
            if families[item] in taken or not (
                is_shown[item] or (sold_out_too and catalogue.is_listed(products[item]))
            ):
                continue
            if not self._fits(item, products[item]):
                continue
            taken.add(families[item])
            chosen.append(candidate)
            if len(chosen) >= places:
                return

    def _fits(self, item: int, product: Product) -> bool:
        """Whether an item is eligible and keeps the shelf varied; if so it is counted."""
        if (self._rule.offer and not self._is_offer(item, product)) or not self._query.admits(product):
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
        if product.offer_at(self._visit.moment) is None:
            return False
        return self._any_offer or self._visit.is_todays(item) == (self._rule.offer == "today")


def in_turns(sources: Sequence[Iterator[T]]) -> Iterator[T]:
    """One of each source after the other, as long as any has more."""
    if len(sources) == 1:
        return sources[0]
    return (each for round_ in zip_longest(*sources) for each in round_ if each is not None)
