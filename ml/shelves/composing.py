"""Composes the shelves of a page from candidates and rules, for the batch job and the API."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from ml.bundle.bundle import Bundle
from ml.shelves.candidates import Candidate, RankingCache, Shopper
from ml.shelves.catalogue import Catalogue, Product
from ml.shelves.filling import Filling, PageQuery
from ml.shelves.rules import DisplayType, Rules
from ml.shelves.sources import Visit

__all__ = ["DisplayType", "PageQuery", "Pick", "RankingCache", "Rules", "Shelf", "Shopper", "compose"]


class Pick(msgspec.Struct, frozen=True, gc=False):
    """One product on a shelf, with its current special price and the true reason for it.

    A product pinned by a merchandiser has no score, and may have no reason.
    """

    product: Product
    offer: Decimal | None
    score: float | None
    source: str
    reason: str | None

    def card(self) -> dict[str, Any]:
        """The product's card as JSON values."""
        return self.product.card(self.offer)


@dataclass(slots=True)
class Shelf:
    """One shelf, best first; short if it has fewer products than its rule's minimum."""

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
    query: PageQuery | None = None,
    ranking_cache: RankingCache | None = None,
) -> list[Shelf]:
    """The shelves of one user's page in page order; no product is on two shelves, and no two variants of one parent.

    Each shelf first fills its visible places; when all have done so, they fill the rest.

    Args:
        bundle: the trained models.
        catalogue: the current products.
        rules: `shelves.yaml`.
        shopper: whose page it is, with the recent actions; an unknown user gets popular products.
        now: the time, in the shop's time zone (its date is the shop's day).
        query: the requested shelves and products.
        ranking_cache: of this bundle; it only saves time and never changes a page.
    """
    query = query or PageQuery()
    visit = Visit(bundle, catalogue, rules, shopper, now, query.category_ids, ranking_cache)
    taken = catalogue.families_of(query.exclude)
    limit = rules.limit if query.limit is None else query.limit
    fillings = {
        display_type: Filling(visit, rules.shelves[display_type], query, taken, limit)
        for display_type in rules.shelves
        if query.display_types is None or display_type in query.display_types
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
    products, moment = visit.catalogue.products, visit.moment
    picks = []
    for candidate in candidates:
        product = products[candidate.item]
        offer = product.offer_at(moment)
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
    """A reason that names an item; cached, because few reasons repeat often."""
    return template.format(item=name, which=which)
