"""Candidate items of a shelf with their explanations, and the ranking cache."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from ml.bundle.bundle import Bundle
from ml.shelves.explanations import grounds
from ml.shelves.purchases import Owned
from ml.shelves.session import LiveState

HEAD: Final = 40
"""Cached items per ranking; a request that needs more computes the ranking again."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """Whose page it is; a visitor has an id and a state, the page for everyone (`user_id` None) has neither."""

    user_id: str | None
    state: LiveState = field(default_factory=LiveState)


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """One item of a source.

    `ground` is a key of `Reasons`, or None while the explanation is not yet computed; `because` is the item that it
    names, `values` are the other values in it.
    """

    item: int
    score: float
    source: str
    ground: str | None = None
    because: int | None = None
    values: dict[str, Any] | None = None


def explained(bundle: Bundle, owned: Owned, candidates: list[Candidate]) -> list[Candidate]:
    """The candidates with their explanations; `owned` are the user's purchases."""
    unexplained = [candidate.item for candidate in candidates if candidate.ground is None]
    own = dict(zip(unexplained, owned.of(unexplained, owned.counts), strict=True))
    foreign = [item for item in unexplained if not own[item]]
    learnt = np.searchsorted(owned.items, bundle.content.popularity.size)  # nothing was learnt about newer products
    found = dict(zip(foreign, grounds(bundle, foreign, owned.items[:learnt], owned.counts[:learnt]), strict=True))

    def explain(candidate: Candidate) -> Candidate:
        item, score, source = candidate.item, candidate.score, candidate.source
        if candidate.ground is not None:
            return candidate
        if count := own[item]:
            return Candidate(item, score, source, "bought" if count > 1 else "bought_once", values={"count": count})
        ground = found[item]
        if ground is None:
            return Candidate(item, score, source, "taste")
        return Candidate(item, score, source, ground.kind, ground.item)

    return [explain(candidate) for candidate in candidates]


class RankingCache:
    """The ranking cache: the first items of one bundle's rankings, cached until the user's next action.

    It holds learnt rankings and nothing that the shop may change: stock, prices and pins are applied for each
    response. It keeps the `size` most recently used rankings.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._heads: OrderedDict[Hashable, tuple[LiveState, int, list[Candidate]]] = OrderedDict()

    def head(self, shopper: Shopper, ranking: Hashable, make: Callable[[], list[Candidate]]) -> list[Candidate]:
        """The first items of a user's ranking; computed if missing or older than the user's last action."""
        state, key = shopper.state, (shopper.user_id, ranking)
        known = self._heads.get(key)
        if known is not None and known[0] is state and known[1] == state.changes:
            self._heads.move_to_end(key)
            return known[2]
        changes, head = state.changes, make()
        self._heads[key] = state, changes, head
        self._heads.move_to_end(key)
        if len(self._heads) > self._size:
            self._heads.popitem(last=False)
        return head
