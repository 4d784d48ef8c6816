"""What a shopper did lately, and how it alters a ranking that was learnt before."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from ml.bundle import Bundle
from ml.bundle_content import Float32, Int32, Int64

Float64 = npt.NDArray[np.float64]
Kind = Literal["VIEW", "CART", "UNCART", "BUY"]
KINDS: Final[tuple[Kind, ...]] = ("VIEW", "CART", "UNCART", "BUY")

MAX_REMEMBERED: Final = 100
MAX_SEEDS: Final = 10
FADING: Final = 0.8
"""How much less each earlier action counts."""

TINY: Final = 1e-12
CLOSE_TASTE: Final = 0.3
"""The weight of likeness by factors beside that by purchases of the same shoppers."""


@dataclass(slots=True)
class LiveState:
    """What one shopper did lately: product id -> when last, in seconds since 1970 UTC.

    Applying an action twice, or out of order, changes nothing: so it may be fed from topics that overlap. `changes`
    grows with each action, so that what was worked out from a state can be told from what is to be worked out anew.
    """

    viewed: dict[int, float] = field(default_factory=dict)
    carted: dict[int, float] = field(default_factory=dict)
    bought: dict[int, float] = field(default_factory=dict)
    removed: dict[int, float] = field(default_factory=dict)
    changes: int = field(default=0, compare=False)

    def apply(self, kind: Kind, product_id: int, at: float) -> None:
        """Take one action; of each kind the latest `MAX_REMEMBERED` products are kept."""
        times = {"VIEW": self.viewed, "CART": self.carted, "BUY": self.bought, "UNCART": self.removed}[kind]
        times[product_id] = max(at, times.pop(product_id, at))
        if len(times) > MAX_REMEMBERED:
            del times[min(times, key=times.__getitem__)]
        self.changes += 1

    def undo_purchase(self, product_id: int) -> None:
        """Take back that the product was bought."""
        self.bought.pop(product_id, None)
        self.changes += 1

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


def fold(bundle: Bundle, items: Int32, scores: Float32, recent: list[int], weight: float) -> Folded:
    """Fold recent items into a ranking by their neighbours and factors.

    Args:
        bundle: where neighbours and factors are.
        items: int32 [K], the learnt ranking, best first; empty for a visitor.
        scores: float32 [K], its scores.
        recent: item indices just viewed or put in the cart, latest first.
        weight: how much the closest neighbour of the latest item counts against the best learnt item.
    """
    seeds = [item for item in recent if item < bundle.content.popularity.shape[0]][:MAX_SEEDS]
    learnt = scores / scores[0] if scores.size and scores[0] > 0 else scores
    if not seeds:
        return Folded(items.tolist(), learnt.tolist(), {})
    near, pushes, pushers = _pushes(bundle, seeds, weight)
    known, places = np.unique(np.concatenate([items, near]), return_inverse=True)
    own_places, near_places = places[: items.size], places[items.size :]
    base, pushed = np.zeros(known.size), np.bincount(near_places, weights=pushes, minlength=known.size)
    base[own_places] = learnt
    total = base + pushed + weight * CLOSE_TASTE * _tastes(bundle, seeds, known)
    strongest = np.full(known.size, -1)
    by_strength = np.argsort(pushes, kind="stable")
    strongest[near_places[by_strength]] = pushers[by_strength]  # the last write, by the strongest push, stays
    strongest[pushed <= base] = -1
    is_seed = np.zeros(bundle.content.popularity.shape[0], dtype=bool)
    is_seed[seeds] = True
    ranking = np.argsort(-total, kind="stable")  # of equals the lower item first, as `known` has them
    ranking = ranking[~is_seed[known[ranking]]]
    moved = ranking[strongest[ranking] >= 0]
    because = dict(zip(known[moved].tolist(), strongest[moved].tolist(), strict=True))
    return Folded(known[ranking].tolist(), total[ranking].tolist(), because)


def _pushes(bundle: Bundle, seeds: list[int], weight: float) -> tuple[Int32, Float64, Int64]:
    """Each neighbour of each seed, how strongly it is pushed (1 = a seed's closest), and by which seed."""
    neighbours = bundle.content.neighbours
    near, strengths = neighbours.items[seeds], neighbours.scores[seeds].astype(np.float64)
    strengths /= np.maximum(strengths.max(axis=1, keepdims=True, initial=0), TINY)
    strengths *= weight * _fading(len(seeds))[:, None]
    there = near >= 0
    return near[there], strengths[there], np.repeat(seeds, near.shape[1])[there.ravel()]


def _tastes(bundle: Bundle, seeds: list[int], items: Int32) -> Float64:
    """How alike each item is to the seeds taken together, by their factors."""
    factors, fading = bundle.content.factors, _fading(len(seeds))
    taste = fading @ factors[seeds] / fading.sum()
    alike: Float64 = factors[items] @ taste
    return alike


def _fading(count: int) -> Float64:
    fading: Float64 = FADING ** np.arange(count, dtype=np.float64)
    return fading
