"""From candidates and rules to the shelves of a page: the same code for the batch and for the API."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from ml.bundle.bundle import Bundle
from ml.shelves.candidates import Candidate, RankingCache, Shopper
from ml.shelves.catalogue import Catalogue, Product
from ml.shelves.filling import Ask, Filling
from ml.shelves.rules import DisplayType, Rules
from ml.shelves.sources import Visit

__all__ = ["Ask", "DisplayType", "Pick", "RankingCache", "Rules", "Shelf", "Shopper", "compose"]


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
    ranking_cache: RankingCache | None = None,
) -> list[Shelf]:
    """The shelves of one shopper's page in the page's order; no product stands on two of them.

    Each shelf first chooses what is seen of it at once, and only when all have done so, the rest.

    Args:
        bundle: what the models learnt.
        catalogue: the products as they are at this moment.
        rules: `shelves.yaml`.
        shopper: whose page it is and what they did lately; someone unknown gets what is popular.
        now: the moment, in the shop's time zone (its date is the shop's day).
        ask: which shelves and which products.
        ranking_cache: of this bundle, where many pages are made one after the other; it makes no other page.
    """
    ask = ask or Ask()
    visit = Visit(bundle, catalogue, rules, shopper, now, ask.category_ids, ask.prices, ranking_cache)
    taken = {catalogue.index[product_id] for product_id in ask.exclude if product_id in catalogue.index}
    limit = rules.limit if ask.limit is None else ask.limit
    fillings = {
        display_type: Filling(visit, rules.shelves[display_type], ask, taken, limit)
        for display_type in rules.shelves
        if ask.display_types is None or display_type in ask.display_types
    }
    for places in rules.turns(limit) if len(fillings) > 1 else [limit]:
        for filling in fillings.values():
            filling.fill(places)
    return [_shelf(visit, each, fillings[each]) for each in rules.page if each in fillings]


def _shelf(visit: Visit, display_type: DisplayType, filling: Filling) -> Shelf:
    rule = visit.rules.shelves[display_type]
    return Shelf(
        display_type,
        rule.title,
        _picks(visit, visit.explained(filling.chosen), is_offer=rule.offer is not None),
        is_short=filling.is_short,
        fallback_used=filling.fallback_used,
    )


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
