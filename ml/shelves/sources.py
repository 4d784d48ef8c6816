"""The sources of a shelf: each is a lazy ranking for one user."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain, islice

import numpy as np

from ml import columns as c
from ml.bundle.bundle import Bundle
from ml.shelves.candidates import HEAD, Candidate, RankingCache, Shopper, explained
from ml.shelves.catalogue import Catalogue
from ml.shelves.purchases import DAY, Owned, owned
from ml.shelves.rules import LIVE_SOURCES, MADE_OF, Rules
from ml.shelves.session import fold


@dataclass
class Visit:
    """Shared state of a page's sources: the user, the time, and derived data."""

    bundle: Bundle
    catalogue: Catalogue
    rules: Rules
    shopper: Shopper
    now: datetime
    category_ids: frozenset[int] | None = None
    ranking_cache: RankingCache | None = None

    def __post_init__(self) -> None:
        self.moment = self.now.timestamp()
        self.day = self.now.date().toordinal()

    @cached_property
    def owned(self) -> Owned:
        """The user's kept purchases up to now."""
        return owned(self.bundle, self.catalogue.index, self.shopper.user_id or "", self.shopper.state.purchases)

    @cached_property
    def bought(self) -> set[int]:
        """The items of `owned`."""
        return set(self.owned.items.tolist())

    @cached_property
    def bought_families(self) -> set[int]:
        """The families of the bought items: a variant of something bought is not new either."""
        families = self.catalogue.families
        return {families[item] for item in self.bought}

    def is_new(self, candidate: Candidate) -> bool:
        """Whether the user never bought it, nor another variant of it."""
        return self.catalogue.families[candidate.item] not in self.bought_families

    @cached_property
    def touched_items(self) -> list[Candidate]:
        """Viewed or in the cart, known to the catalogue and not bought since; latest first."""
        index = self.catalogue.index
        touched = [(index[touch[0]], *touch[1:]) for touch in self.shopper.state.touched() if touch[0] in index]
        times = self.owned.of([item for item, _, _ in touched], self.owned.last_bought)
        return [
            Candidate(item, at, "touched", ground)
            for (item, at, ground), bought_at in zip(touched, times, strict=True)
            if at > bought_at
        ]

    def days_since(self, moment: float) -> int:
        """The age in whole days of the shop, so that results do not change before midnight."""
        return max(0, self.day - datetime.fromtimestamp(moment, self.now.tzinfo).toordinal())

    def is_todays(self, item: int) -> bool:
        """Whether the item's offer is one of today's deals: products take turns by day."""
        return (self.catalogue.products[item].product_id + self.day) % self.rules.daily_deal_days == 0

    def explained(self, candidates: list[Candidate]) -> list[Candidate]:
        """The candidates with their explanations; cached ones already have them."""
        is_needed = [candidate for candidate in candidates if candidate.ground is None]
        return explained(self.bundle, self.owned, candidates) if is_needed else candidates

    def source(
        self,
        name: str,
        *,
        follows_session: bool = False,
        is_new: bool = False,
        among: AbstractSet[int] | None = None,
    ) -> Iterator[Candidate]:
        """The ranking of that name (see `LIVE_SOURCES`); `is_new` leaves out everything the user ever bought.

        A learnt ranking may follow the session, and may be limited to the items `among`.
        """
        if name not in LIVE_SOURCES:
            return self._learnt(name, among, follows_session=follows_session, is_new=is_new)
        live = {
            "touched": self._touched,
            "bought": self._bought,
            "categories": self._categories,
            "popular": self._popular,
            "offers": self._offers,
        }
        return filter(self.is_new, live[name]()) if is_new else live[name]()

    def _touched(self) -> Iterator[Candidate]:
        return iter(self.touched_items)

    def _offers(self) -> Iterator[Candidate]:
        return (Candidate(item, 0.0, "offers", "offer") for item in self.catalogue.offers)

    def _learnt(
        self, name: str, among: AbstractSet[int] | None, *, follows_session: bool, is_new: bool
    ) -> Iterator[Candidate]:
        def ranking() -> Iterator[Candidate]:
            ranked = self._ranking(name, follows_session=follows_session)
            return filter(self.is_new, ranked) if is_new else ranked

        if among is not None:
            return (it for it in ranking() if it.item in among)
        if self.ranking_cache is None:
            return ranking()
        head = self.ranking_cache.head(
            self.shopper,
            (name, self.day if follows_session else None, is_new),
            lambda: self.explained(list(islice(ranking(), HEAD))),
        )
        return iter(head) if len(head) < HEAD else chain(head, islice(ranking(), HEAD, None))

    def _ranking(self, name: str, *, follows_session: bool) -> Iterator[Candidate]:
        items, scores = self.bundle.candidates(name, self.shopper.user_id or "")
        touched = {touch.item: touch for touch in self.touched_items} if follows_session else {}
        recent = [(touch.item, self._freshness(touch.score)) for touch in touched.values()]
        ranking = fold(self.bundle, items, scores, recent, self.rules.session_weight)
        popular, families = self._popular_ground, self.catalogue.families
        seen = {families[item] for item in touched}
        for item, score in zip(ranking.items, ranking.scores, strict=True):
            if families[item] in seen and item not in touched:  # another variant of what was just looked at
                continue
            seed = ranking.because.get(item)
            if seed is None:
                yield Candidate(item, score, name, popular)
            else:
                how = "often_with" if self.bundle.content.together[seed] else "alike_touched"
                yield Candidate(item, score, "session", how, seed, {"which": self._touch(touched[seed])})

    def _freshness(self, moment: float) -> float:
        """An action's weight after ageing."""
        return float(0.5 ** (self.days_since(moment) / self.rules.session_half_life_days))

    def _touch(self, touch: Candidate) -> str:
        """The key of `Reasons` for the user's action on an item."""
        if touch.ground == "cart":
            return "which_in_cart"
        return "which_seen" if self.days_since(touch.score) else "which_seen_today"

    def _popular(self) -> Iterator[Candidate]:
        popularity, ranked = self.bundle.content.popularity, self.bundle.popular
        if self.category_ids is not None:
            members = (self.bundle.popular_by_category.get(category, []) for category in self.category_ids)
            ranked = sorted(chain.from_iterable(members), key=lambda item: (-popularity[item], item))
        return (Candidate(item, float(popularity[item]), "popular", "popular") for item in ranked)

    def _bought(self) -> Iterator[Candidate]:
        """Bought products in the model's order; those not bought for a long time come last.

        Recently bought products are left out. Products without a model score are ordered by purchase count.
        """
        owned, rule = self.owned, self.rules.repurchase
        ago = (self.moment - owned.last_bought) / DAY
        is_silent = (owned.interval_days > 0) & (ago > rule.silent_intervals * owned.interval_days)
        scores = np.zeros(owned.items.size, dtype=np.float32)
        liked, liking = self.bundle.candidates(c.REPURCHASE, self.shopper.user_id or "")
        _, mine, theirs = np.intersect1d(owned.items, liked, assume_unique=True, return_indices=True)
        scores[mine] = liking[theirs]
        ranking = np.lexsort((owned.items, -owned.counts, -scores, is_silent))
        columns = (owned.items, scores, owned.counts, owned.interval_days, owned.last_bought)
        may_stand = ranking[ago[ranking] >= rule.rest_days]
        for item, score, *rhythm in zip(*(column[may_stand].tolist() for column in columns), strict=True):
            ground, values = self._rhythm(*rhythm)
            yield Candidate(item, score, "bought", ground, values=values)

    def _rhythm(self, count: int, interval: float, last_bought: float) -> tuple[str, dict[str, int]]:
        """The explanation of a bought product: a habit only if it is one and is current."""
        rule, days, days_ago = self.rules.repurchase, round(interval), self.days_since(last_bought)
        if count >= rule.habit_purchases and min(days, days_ago) > 1 and days_ago <= rule.habit_intervals * interval:
            return "due", {"days": days, "ago": days_ago}
        return "bought" if count > 1 else "bought_once", {"count": count}

    def _categories(self) -> Iterator[Candidate]:
        """Products likely to be bought again, then new ones: the shelf takes the best of each category."""
        products, own, popular = self.catalogue.products, self._own_categories, self._popular_ground
        for name in MADE_OF["categories"]:
            items, scores = self.bundle.candidates(name, self.shopper.user_id or "")
            for item, score in zip(items.tolist(), scores.tolist(), strict=True):
                category = products[item].category_id
                if category is not None:
                    ground = popular or ("category" if category in own else None)
                    values = {"category": products[item].category_name} if ground == "category" else None
                    yield Candidate(item, score, "categories", ground, values=values)

    @property
    def _popular_ground(self) -> str | None:
        """The explanation of everything that is ranked if no model ranked it; else each product has its own."""
        return "popular" if self.bundle.manifest.popularity_because else None

    @cached_property
    def _own_categories(self) -> set[int | None]:
        products = self.catalogue.products
        return {products[item].category_id for item in self.bought}
