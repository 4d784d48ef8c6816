"""What a shopper did lately, and how it alters a ranking that was learnt before."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from ml.bundle import Bundle

Kind = Literal["VIEW", "CART", "UNCART", "BUY"]
KINDS: Final[tuple[Kind, ...]] = ("VIEW", "CART", "UNCART", "BUY")

MAX_REMEMBERED: Final = 100
MAX_SEEDS: Final = 10
FADING: Final = 0.8
"""How much less each earlier action counts."""

CLOSE_TASTE: Final = 0.3
"""The weight of likeness by factors beside that by purchases of the same shoppers."""


@dataclass(slots=True)
class LiveState:
    """What one shopper did lately: product id -> when last, in seconds since 1970 UTC.

    Applying an action twice, or out of order, changes nothing: so it may be fed from topics that overlap.
    """

    viewed: dict[int, float] = field(default_factory=dict)
    carted: dict[int, float] = field(default_factory=dict)
    bought: dict[int, float] = field(default_factory=dict)
    removed: dict[int, float] = field(default_factory=dict)

    def apply(self, kind: Kind, product_id: int, at: float) -> None:
        """Take one action; of each kind the latest `MAX_REMEMBERED` products are kept."""
        times = {"VIEW": self.viewed, "CART": self.carted, "BUY": self.bought, "UNCART": self.removed}[kind]
        times[product_id] = max(at, times.pop(product_id, at))
        if len(times) > MAX_REMEMBERED:
            del times[min(times, key=times.__getitem__)]

    def touched(self) -> list[tuple[int, float, Literal["viewed", "cart"]]]:
        """What is in the cart or was viewed, and was not bought since, latest first: product id, when, which."""
        found: dict[int, tuple[int, float, Literal["viewed", "cart"]]] = {
            product_id: (product_id, at, "viewed") for product_id, at in self.viewed.items()
        }
        for product_id, at in self.carted.items():
            if at > self.removed.get(product_id, 0):
                seen_at = self.viewed.get(product_id, at)
                found[product_id] = (product_id, max(at, seen_at), "cart")
        lasting = (touch for touch in found.values() if touch[1] > self.bought.get(touch[0], 0))
        return sorted(lasting, key=lambda touch: -touch[1])

    def copy(self) -> "LiveState":
        """A state of its own, to be altered."""
        return LiveState(dict(self.viewed), dict(self.carted), dict(self.bought), dict(self.removed))


def activity_of(bundle: Bundle) -> dict[str, LiveState]:
    """The state of every shopper at the bundle's data cut."""
    states: dict[str, LiveState] = {}
    activity = bundle.content.activity
    columns = activity.select("user_id", "kind", "product_id", activity["occurred_at"].dt.epoch("us") / 1e6)
    for user_id, kind, product_id, at in columns.iter_rows():
        states.setdefault(user_id, LiveState()).apply(kind, product_id, at)
    return states


@dataclass(frozen=True, slots=True)
class Folded:
    """A ranking with the session folded in; `because` names the recent item which moved each item most."""

    items: list[int]
    scores: list[float]
    because: dict[int, int]


def fold(bundle: Bundle, items: Iterable[int], scores: Iterable[float], recent: Iterable[int], weight: float) -> Folded:
    """Fold recent items into a ranking by their neighbours and factors.

    Args:
        bundle: where neighbours and factors are.
        items: the learnt ranking, best first; empty for a visitor.
        scores: its scores.
        recent: item indices just viewed or put in the cart, latest first.
        weight: how much the closest neighbour of the latest item counts against the best learnt item.
    """
    seeds = [item for item in recent if item < bundle.content.popularity.shape[0]][:MAX_SEEDS]
    learnt = _scaled(items, scores)
    if not seeds:
        return Folded(list(learnt), list(learnt.values()), {})
    moved, because = _by_neighbours(bundle, seeds, weight)
    known = list(learnt.keys() | moved.keys())
    tastes = _by_factors(bundle, seeds, known)
    total = {
        item: learnt.get(item, 0.0) + moved.get(item, 0.0) + weight * CLOSE_TASTE * taste
        for item, taste in zip(known, tastes, strict=True)
        if item not in seeds
    }
    ranked = sorted(total, key=lambda item: (-total[item], item))
    grounds = {item: seed for item, seed in because.items() if moved[item] > learnt.get(item, 0.0)}
    return Folded(ranked, [total[item] for item in ranked], grounds)


def _scaled(items: Iterable[int], scores: Iterable[float]) -> dict[int, float]:
    learnt = dict(zip(items, scores, strict=True))
    top = max(learnt.values(), default=0.0)
    return {item: score / top for item, score in learnt.items()} if top > 0 else learnt


def _by_neighbours(bundle: Bundle, seeds: list[int], weight: float) -> tuple[dict[int, float], dict[int, int]]:
    moved: dict[int, float] = {}
    strongest: dict[int, tuple[float, int]] = {}
    neighbours = bundle.content.neighbours
    for age, seed in enumerate(seeds):
        for item, strength in _row(neighbours.items[seed].tolist(), neighbours.scores[seed].tolist()):
            push = weight * strength * FADING**age
            moved[item] = moved.get(item, 0.0) + push
            strongest[item] = max(strongest.get(item, (0.0, -1)), (push, seed))
    return moved, {item: seed for item, (_, seed) in strongest.items()}


def _row(items: list[int], scores: list[float]) -> Iterator[tuple[int, float]]:
    top = max(scores, default=0.0) or 1.0
    return ((item, score / top) for item, score in zip(items, scores, strict=True) if item >= 0)


def _by_factors(bundle: Bundle, seeds: list[int], items: list[int]) -> list[float]:
    factors = bundle.content.factors
    fading = np.power(np.float32(FADING), np.arange(len(seeds), dtype=np.float32))
    taste = (factors[seeds] * fading[:, None]).sum(axis=0)
    likeness: list[float] = (factors[items] @ (taste / fading.sum())).tolist()
    return likeness
