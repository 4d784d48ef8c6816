"""A user's recent actions, and how they change a learnt ranking."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from ml.bundle.bundle import Bundle
from ml.bundle.content import Float32, Int32, Int64
from ml.shelves.purchases import NEVER, Float64, Order, Purchases, purchases

Kind = Literal["VIEW", "CART", "UNCART"]
KINDS: Final[tuple[Kind, ...]] = ("VIEW", "CART", "UNCART")
BUY: Final = "BUY"
Touch = Literal["viewed", "cart"]

MAX_REMEMBERED: Final = 100
MAX_SEEDS: Final = 10
FADING: Final = 0.8
"""The factor by which each earlier action counts less."""

TINY: Final = 1e-12
CLOSE_TASTE: Final = 0.3
"""The weight of similarity by factors, relative to that by purchases of the same users."""


@dataclass(slots=True)
class LiveState:
    """A user's recent actions: product id -> time of the last one, in seconds since 1970 UTC, and orders by id.

    Actions are idempotent and may arrive in any order, so topics may overlap. `changes` grows with each action, so that
    a cache can detect results of an older state.
    """

    viewed: dict[int, float] = field(default_factory=dict)
    carted: dict[int, float] = field(default_factory=dict)
    removed: dict[int, float] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    changes: int = field(default=0, compare=False)
    _purchases: dict[int, Purchases] | None = field(default=None, compare=False, repr=False)

    def apply(self, kind: Kind, product_id: int, at: float) -> None:
        """Apply one action; the latest `MAX_REMEMBERED` products of each kind are kept."""
        times = self._times(kind)
        times[product_id] = max(at, times.pop(product_id, at))
        if len(times) > MAX_REMEMBERED:
            del times[min(times, key=times.__getitem__)]
        self.changes += 1

    def _times(self, kind: Kind) -> dict[int, float]:
        return {"VIEW": self.viewed, "CART": self.carted, "UNCART": self.removed}[kind]

    def order(self, order_id: int, at: float, lines: Mapping[int, int], *, is_past: bool = False) -> None:
        """Apply a completed order: product id -> quantity; `is_past` if the bundle's history contains it."""
        order = self._changed(order_id, at)
        order.at = at
        order.is_past |= is_past
        order.lines.update(lines)

    def cancel(self, order_id: int, at: float) -> None:
        """Cancel a whole order."""
        self._changed(order_id, at).is_cancelled = True

    def take_back(self, order_id: int, return_id: int, at: float, lines: Mapping[int, int]) -> None:
        """Apply a return: product id -> quantity; a product counts as bought while any of it is kept."""
        self._changed(order_id, at).returns[return_id] = lines

    def _changed(self, order_id: int, at: float) -> Order:
        """Get or create the order; the latest `MAX_REMEMBERED` are kept."""
        self.changes += 1
        self._purchases = None
        order = self.orders.setdefault(order_id, Order())
        order.changed_at = max(order.changed_at, at)
        if len(self.orders) > MAX_REMEMBERED:
            del self.orders[min(self.orders, key=lambda each: self.orders[each].changed_at)]
        return order

    @property
    def purchases(self) -> dict[int, Purchases]:
        """The purchases of each product, by product id."""
        if self._purchases is None:
            self._purchases = purchases(self.orders.values())
        return self._purchases

    @property
    def bought(self) -> set[int]:
        """Products with recent kept purchases."""
        return {product_id for product_id, each in self.purchases.items() if each.kept}

    def touched(self) -> list[tuple[int, float, Touch]]:
        """Products in the cart or viewed, and not bought since, latest first: product id, time, kind."""
        orders = self.purchases
        found: dict[int, tuple[int, float, Touch]] = {
            product_id: (product_id, at, "viewed")
            for product_id, at in self.viewed.items()
            if at > orders.get(product_id, NEVER).bought_at
        }
        for product_id, at in self.carted.items():  # an order empties the cart, even if it is cancelled later
            if at > max(self.removed.get(product_id, 0), orders.get(product_id, NEVER).ordered_at):
                found[product_id] = (product_id, max(at, self.viewed.get(product_id, at)), "cart")
        return sorted(found.values(), key=lambda touch: -touch[1])

    def copy(self) -> "LiveState":
        """An independent copy."""
        orders = {order_id: order.copy() for order_id, order in self.orders.items()}
        return LiveState(dict(self.viewed), dict(self.carted), dict(self.removed), orders)

    def since(self, moment: float, newer: "LiveState") -> "LiveState":
        """The actions since `moment`, applied to the state of a newer bundle, whose history has everything before.

        Later events of an older order count only if that bundle contains the order.
        """
        state = newer.copy()
        for kind in KINDS:
            for product_id, at in self._times(kind).items():
                if at >= moment:
                    state.apply(kind, product_id, at)
        for order_id, order in self.orders.items():
            if order.changed_at >= moment and (order_id in newer.orders or order.at is None or order.at >= moment):
                state._changed(order_id, order.changed_at).merge(order)  # noqa: SLF001 (its own class)
        return state

    def take(self, other: "LiveState", after: float, until: float) -> None:
        """Apply the actions, though not the orders, that another state has of that time."""
        for kind in KINDS:
            for product_id, at in other._times(kind).items():  # noqa: SLF001 (its own class)
                if after < at <= until:
                    self.apply(kind, product_id, at)


def activity_of(bundle: Bundle) -> dict[str, LiveState]:
    """The state of every user at the bundle's data cut."""
    states: dict[str, LiveState] = {}
    activity = bundle.content.activity
    moments = activity["occurred_at"].dt.epoch("us") / 1e6
    columns = activity.select("user_id", "kind", "product_id", moments, "order_id", "quantity")
    for user_id, kind, product_id, at, order_id, quantity in columns.iter_rows():
        state = states.setdefault(user_id, LiveState())
        if kind == BUY:
            state.order(order_id, at, {product_id: quantity}, is_past=True)
        else:
            state.apply(kind, product_id, at)
    return states


@dataclass(frozen=True, slots=True)
class Folded:
    """A ranking with the session folded in; `because` is the recent item with the most effect on each item."""

    items: list[int]
    scores: list[float]
    because: dict[int, int]


def fold(bundle: Bundle, items: Int32, scores: Float32, recent: list[tuple[int, float]], weight: float) -> Folded:
    """Fold recent items into a ranking by their neighbours and factors.

    Args:
        bundle: has neighbours and factors.
        items: int32 [K], the learnt ranking, best first; empty for a visitor.
        scores: float32 [K], its scores.
        recent: recently viewed or carted items, latest first, with their weight after ageing (1 = full).
        weight: weight of the latest item's closest neighbour relative to the best learnt item.
    """
    known_seeds = [seed for seed in recent if seed[0] < bundle.content.popularity.shape[0]][:MAX_SEEDS]
    seeds = [item for item, _ in known_seeds]
    fading = FADING ** np.arange(len(seeds)) * np.array([left for _, left in known_seeds])
    learnt = scores / scores[0] if scores.size and scores[0] > 0 else scores
    if not seeds:
        return Folded(items.tolist(), learnt.tolist(), {})
    near, pushes, pushers = _pushes(bundle, seeds, weight * fading)
    known, places = np.unique(np.concatenate([items, near]), return_inverse=True)
    own_places, near_places = places[: items.size], places[items.size :]
    base, pushed = np.zeros(known.size), np.bincount(near_places, weights=pushes, minlength=known.size)
    base[own_places] = learnt
    total = base + pushed + weight * CLOSE_TASTE * _tastes(bundle, seeds, fading, known)
    strongest = np.full(known.size, -1)
    by_strength = np.argsort(pushes, kind="stable")
    strongest[near_places[by_strength]] = pushers[by_strength]  # the last write, with the strongest push, wins
    strongest[pushed <= base] = -1
    is_seed = np.zeros(bundle.content.popularity.shape[0], dtype=bool)
    is_seed[seeds] = True
    ranking = np.argsort(-total, kind="stable")  # ties: the lower item first, as in `known`
    ranking = ranking[~is_seed[known[ranking]]]
    moved = ranking[strongest[ranking] >= 0]
    because = dict(zip(known[moved].tolist(), strongest[moved].tolist(), strict=True))
    return Folded(known[ranking].tolist(), total[ranking].tolist(), because)


def _pushes(bundle: Bundle, seeds: list[int], weights: Float64) -> tuple[Int32, Float64, Int64]:
    """Each neighbour of each seed, its push (the closest neighbour gets the seed's full weight), and the seed."""
    neighbours = bundle.content.neighbours
    near, strengths = neighbours.items[seeds], neighbours.scores[seeds].astype(np.float64)
    strengths /= np.maximum(strengths.max(axis=1, keepdims=True, initial=0), TINY)
    strengths *= weights[:, None]
    there = near >= 0
    return near[there], strengths[there], np.repeat(seeds, near.shape[1])[there.ravel()]


def _tastes(bundle: Bundle, seeds: list[int], fading: Float64, items: Int32) -> Float64:
    """The similarity of each item to all seeds by factors, weighted by their age."""
    factors = bundle.content.factors
    taste = fading @ factors[seeds] / (FADING ** np.arange(len(seeds))).sum()
    alike: Float64 = factors[items] @ taste
    return alike
