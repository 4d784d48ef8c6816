"""Where the products of a shelf come from: each source is a ranking for one shopper, made lazily."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import chain, islice
from typing import Final

import numpy as np

from ml.bundle import Bundle
from ml.catalogue import Catalogue, Product
from ml.session import fold
from ml.shelf_candidates import HEAD, Candidate, Recollection, Shopper, explained
from ml.shelf_rules import LIVE_SOURCES, Rules

DAY: Final = 86_400.0
CATEGORY_DEPTH: Final = 100
"""So many of a list's best items speak for their categories."""


@dataclass
class Visit:
    """What the sources of one page share: who asks, when, and what is known of both."""

    bundle: Bundle
    catalogue: Catalogue
    rules: Rules
    shopper: Shopper
    now: datetime
    category_ids: frozenset[int] | None = None
    prices: Mapping[int, Decimal] = field(default_factory=dict)
    recollection: Recollection | None = None

    def __post_init__(self) -> None:
        self.moment = self.now.timestamp()
        self.day = self.now.date().toordinal()

    @cached_property
    def entries(self) -> slice:
        """The user's part of the history."""
        return self.bundle.bought(self.shopper.user_id or "")

    @cached_property
    def bought(self) -> set[int]:
        """Items that the user ever bought, up to this moment."""
        index = self.catalogue.index
        lately = (index[product_id] for product_id in self.shopper.state.bought if product_id in index)
        return {*self.bundle.content.history.items[self.entries].tolist(), *lately}

    @cached_property
    def touched_items(self) -> list[Candidate]:
        """Viewed or in the cart, known to the catalogue and not bought since; latest first."""
        index = self.catalogue.index
        touched = [(index[touch[0]], *touch[1:]) for touch in self.shopper.state.touched() if touch[0] in index]
        times = self._last_bought([item for item, _, _ in touched])
        return [
            Candidate(item, at, "touched", ground)
            for (item, at, ground), bought_at in zip(touched, times, strict=True)
            if at > bought_at
        ]

    def _last_bought(self, items: list[int]) -> list[float]:
        """When each item was last bought before the data cut; 0 for never."""
        history, entries = self.bundle.content.history, self.entries
        owned, times = history.items[entries], history.last_bought[entries]
        if not items or not owned.size:
            return [0.0] * len(items)
        places = np.minimum(np.searchsorted(owned, items), owned.size - 1)
        found: list[float] = np.where(owned[places] == items, times[places], 0).tolist()
        return found

    @cached_property
    def offers(self) -> dict[int, None]:
        """Items that have a special price, whether or not it is true now; the most popular first."""
        index = self.catalogue.index
        added = (index[product_id] for product_id in self.prices if product_id in index)
        return self.catalogue.offers | dict.fromkeys(added) if self.prices else self.catalogue.offers

    def offer(self, product: Product) -> Decimal | None:
        """The special price that is true now: a merchandiser's, else the catalogue's."""
        return product.offer_at(self.moment, self.prices.get(product.product_id))

    def is_todays(self, item: int) -> bool:
        """Whether an offer on the item is one of today's deals: each product has its day in turn."""
        return (self.catalogue.products[item].product_id + self.day) % self.rules.daily_deal_days == 0

    def explained(self, candidates: list[Candidate]) -> list[Candidate]:
        """The candidates with their grounds; those of a kept head have them already."""
        is_needed = [candidate for candidate in candidates if candidate.ground is None]
        return explained(self.bundle, self.entries, candidates) if is_needed else candidates

    def source(
        self,
        name: str,
        *,
        follows_session: bool = False,
        is_new: bool = False,
        among: AbstractSet[int] | None = None,
    ) -> Iterator[Candidate]:
        """The ranking of that name (see `LIVE_SOURCES`), `is_new` without what the shopper ever bought.

        A learnt one may follow the session, and be narrowed to the items `among`.
        """
        if name not in LIVE_SOURCES:
            return self._learnt(name, among, follows_session=follows_session, is_new=is_new)
        live = {
            "touched": self._touched,
            "due": self._due,
            "bought": self._bought_before,
            "categories": self._categories,
            "popular": self._popular,
            "offers": self._offers,
        }
        return (it for it in live[name]() if it.item not in self.bought) if is_new else live[name]()

    def _touched(self) -> Iterator[Candidate]:
        return iter(self.touched_items)

    def _offers(self) -> Iterator[Candidate]:
        return (Candidate(item, 0.0, "offers", "offer") for item in self.offers)

    def _learnt(
        self, name: str, among: AbstractSet[int] | None, *, follows_session: bool, is_new: bool
    ) -> Iterator[Candidate]:
        def ranking() -> Iterator[Candidate]:
            ranked = self._ranking(name, follows_session=follows_session)
            return (it for it in ranked if it.item not in self.bought) if is_new else ranked

        if among is not None:
            return (it for it in ranking() if it.item in among)
        if self.recollection is None:
            return ranking()
        head = self.recollection.head(
            self.shopper,
            (name, follows_session, is_new),
            lambda: self.explained(list(islice(ranking(), HEAD))),
        )
        return iter(head) if len(head) < HEAD else chain(head, islice(ranking(), HEAD, None))

    def _ranking(self, name: str, *, follows_session: bool) -> Iterator[Candidate]:
        items, scores = self.bundle.candidates(name, self.shopper.user_id or "")
        recent = [touch.item for touch in self.touched_items] if follows_session else []
        ranking = fold(self.bundle, items, scores, recent, self.rules.session_weight)
        ground = "popular" if self.bundle.manifest.popularity_because else None
        for item, score in zip(ranking.items, ranking.scores, strict=True):
            seed = ranking.because.get(item)
            if seed is None:
                yield Candidate(item, score, name, ground)
            else:
                yield Candidate(item, score, "session", "because_viewed", seed)

    def _popular(self) -> Iterator[Candidate]:
        popularity, ranked = self.bundle.content.popularity, self.bundle.popular
        if self.category_ids is not None:
            members = (self.bundle.popular_by_category.get(category, []) for category in self.category_ids)
            ranked = sorted(chain.from_iterable(members), key=lambda item: (-popularity[item], item))
        return (Candidate(item, float(popularity[item]), "popular", "popular") for item in ranked)

    @cached_property
    def _rhythm(self) -> list[tuple[int, float, float, float, int]]:
        """Of what was bought at least twice: item, periods since the last time, interval and days since, baskets."""
        history, entries = self.bundle.content.history, self.entries
        intervals = history.interval_days[entries].astype(np.float64)
        ago = (self.moment - history.last_bought[entries]) / DAY
        periods = np.divide(ago, intervals, out=np.zeros_like(ago), where=intervals > 0)
        regular = np.flatnonzero((intervals > 0) & (periods >= self.rules.due.soon)).tolist()
        items, counts = history.items[entries], history.counts[entries]
        lately = {self.catalogue.index.get(product_id) for product_id in self.shopper.state.bought}
        return [
            (int(items[i]), float(periods[i]), float(intervals[i]), float(ago[i]), int(counts[i]))
            for i in regular
            if int(items[i]) not in lately
        ]

    def _due(self) -> Iterator[Candidate]:
        due = self.rules.due
        rows = {row[0]: row for row in self._rhythm if due.from_ <= row[1] <= due.until}
        liked, scores = self.bundle.candidates("repurchase", self.shopper.user_id or "")
        ranked = {item: score for item, score in zip(liked.tolist(), scores.tolist(), strict=True) if item in rows}
        ranked |= {item: 0.0 for item in sorted(rows, key=lambda item: -rows[item][4]) if item not in ranked}
        for item, score in ranked.items():
            values = {"days": max(1, round(rows[item][2])), "ago": max(1, round(rows[item][3]))}
            yield Candidate(item, score, "due", "due", values=values)

    def _bought_before(self) -> Iterator[Candidate]:
        due = self.rules.due
        for item, periods, _, _, count in sorted(self._rhythm, key=lambda row: -row[1]):
            if periods < due.from_:
                yield Candidate(item, periods, "bought", "bought", values={"count": count})

    def _categories(self) -> Iterator[Candidate]:
        """Categories by the sum of their items' scores, in each the best products first."""
        products = self.catalogue.products
        totals: dict[int, float] = {}
        members: dict[int, list[Candidate]] = {}
        for name in ("repurchase", "discover"):
            items, scores = self.bundle.candidates(name, self.shopper.user_id or "")
            best = fold(self.bundle, items[:CATEGORY_DEPTH], scores[:CATEGORY_DEPTH], [], 0)
            for item, score in zip(best.items, best.scores, strict=True):
                category = products[item].category_id
                if category is not None:
                    totals[category] = totals.get(category, 0.0) + score
                    members.setdefault(category, []).append(Candidate(item, score, name))
        own = self._own_categories if totals else set()
        for category in sorted(totals, key=lambda category: (-totals[category], category)):
            for member in members[category]:
                values = {"category": products[member.item].category_name}
                ground = "category" if category in own else None
                yield Candidate(member.item, totals[category], "categories", ground, values=values)

    @cached_property
    def _own_categories(self) -> set[int | None]:
        products = self.catalogue.products
        return {products[item].category_id for item in self.bought}
