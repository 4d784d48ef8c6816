"""From candidates and rules to the shelves of a page: the same code for the batch and for the API."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any

import msgspec

from ml.bundle import Bundle
from ml.catalogue import Catalogue, Product
from ml.shelf_candidates import Candidate, Recollection, Shopper
from ml.shelf_filling import Ask, Filling
from ml.shelf_rules import DisplayType, Rules
from ml.shelf_sources import Visit

__all__ = ["Ask", "DisplayType", "Pick", "Recollection", "Rules", "Shelf", "Shopper", "compose"]


class Pick(msgspec.Struct, frozen=True, gc=False):
    """One product on a shelf, the special price that is true now, and the true reason why it stands there.

    A person who puts it there gives no score, and need not say why.
    """

    product: Product
    offer: Decimal | None
    score: float | None
    source: str
    reason: str | None

    def card(self) -> dict[str, Any]:
        """What a page shows of the product, as JSON values."""
        return self.product.card(self.offer)


@dataclass(slots=True)
class Shelf:
    """One shelf, best first; short if it holds fewer than its rule's minimum."""

    display_type: DisplayType
    title: str
    picks: list[Pick]
    is_short: bool
    fallback_used: bool


def compose(
    bundle: Bundle,
    catalogue: Catalogue,
    rules: Rules,
    shopper: Shopper,
    now: datetime,
    ask: Ask | None = None,
    recollection: Recollection | None = None,
) -> list[Shelf]:
    """The shelves of one shopper's page in the page's order; no product stands on two of them.

    Args:
        bundle: what the models learnt.
        catalogue: the products as they are at this moment.
        rules: `shelves.yaml`.
        shopper: whose page it is and what they did lately; someone unknown gets what is popular.
        now: the moment, in the shop's time zone (its date is the shop's day).
        ask: which shelves and which products.
        recollection: of this bundle, where many pages are made one after the other; it makes no other page.
    """
    ask = ask or Ask()
    visit = Visit(bundle, catalogue, rules, shopper, now, ask.category_ids, ask.prices, recollection)
    taken = {catalogue.index[product_id] for product_id in ask.exclude if product_id in catalogue.index}
    shelves = {
        display_type: _fill(visit, display_type, ask, taken)
        for display_type in rules.shelves
        if ask.display_types is None or display_type in ask.display_types
    }
    return [shelves[display_type] for display_type in rules.page if display_type in shelves]


def _fill(visit: Visit, display_type: DisplayType, ask: Ask, taken: set[int]) -> Shelf:
    rule = visit.rules.shelves[display_type]
    limit = visit.rules.limit if ask.limit is None else ask.limit
    minimum = min(rule.minimum, limit)
    filling = Filling(visit, rule, ask, taken, limit)
    among, is_new = visit.offers.keys() if rule.offer else None, rule.bought == "exclude"
    sources = [
        visit.source(name, follows_session=rule.follows_session, is_new=is_new, among=among) for name in rule.sources
    ]
    filling.take(_in_turns(sources))
    own = len(filling.chosen)
    for name in rule.fallback:
        if len(filling.chosen) < minimum:
            filling.take(visit.source(name, is_new=is_new))
    if len(filling.chosen) < minimum and rule.offer:
        filling.any_offer = True
        filling.take(chain.from_iterable(visit.source(name, is_new=is_new) for name in rule.fallback))
    return Shelf(
        display_type,
        rule.title,
        _picks(visit, visit.explained(filling.chosen), is_offer=rule.offer is not None),
        is_short=len(filling.chosen) < minimum,
        fallback_used=len(filling.chosen) > own,
    )


def _in_turns(sources: list[Iterator[Candidate]]) -> Iterator[Candidate]:
    if len(sources) == 1:
        return sources[0]
    return (candidate for round_ in zip_longest(*sources) for candidate in round_ if candidate is not None)


def _picks(visit: Visit, candidates: list[Candidate], *, is_offer: bool) -> list[Pick]:
    products, moment, prices = visit.catalogue.products, visit.moment, visit.prices
    picks = []
    for candidate in candidates:
        product = products[candidate.item]
        offer = product.offer_at(moment, prices.get(product.product_id))
        reason = _reason(visit, candidate)
        if is_offer and offer is not None:
            saving = visit.rules.reasons.text("offer", percent=round(100 * (1 - offer / product.price)))
            reason = f"{saving} · {reason}" if reason else saving
        picks.append(Pick(product, offer, candidate.score, candidate.source, reason))
    return picks


def _reason(visit: Visit, candidate: Candidate) -> str:
    ground, because, reasons, values = candidate.ground, candidate.because, visit.rules.reasons, candidate.values or {}
    assert ground is not None, "explained before"
    if because is not None:
        which = getattr(reasons, values["which"]) if values else ""
        return _naming(getattr(reasons, ground), visit.catalogue.products[because].name, which)
    return "" if ground == "offer" else reasons.text(ground, **values)


@lru_cache(maxsize=50_000)
def _naming(template: str, name: str, which: str) -> str:
    """A reason that names an item; the same few are given again and again."""
    return template.format(item=name, which=which)
