"""Items that may stand on a shelf, why they may, and the heads of rankings that need not be worked out anew."""

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
"""So many items of a ranking are kept: whoever needs more of it has it worked out again."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """Whose page it is; a visitor has an id and a state, everyone at once (`user_id` None) has neither."""

    user_id: str | None
    state: LiveState = field(default_factory=LiveState)


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """One item of a source.

    `ground` is a key of `Reasons`, or None where the explanation is still to be found; `because` is the item that it
    names, `values` is what else it names.
    """

    item: int
    score: float
    source: str
    ground: str | None = None
    because: int | None = None
    values: dict[str, Any] | None = None


def explained(bundle: Bundle, owned: Owned, candidates: list[Candidate]) -> list[Candidate]:
    """The candidates with their grounds; `owned` is what the shopper has bought."""
    unexplained = [candidate.item for candidate in candidates if candidate.ground is None]
    own = dict(zip(unexplained, owned.of(unexplained, owned.counts), strict=True))
    foreign = [item for item in unexplained if not own[item]]
    learnt = np.searchsorted(owned.items, bundle.content.popularity.size)  # of younger products nothing was learnt
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
    """The heads of one bundle's rankings, kept until the shopper does something.

    They hold what was learnt of shoppers and nothing that the shop may change: stock, prices and pins are looked at for
    each answer. Of many shoppers the last `size` heads are kept.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._heads: OrderedDict[Hashable, tuple[LiveState, int, list[Candidate]]] = OrderedDict()

    def head(self, shopper: Shopper, ranking: Hashable, make: Callable[[], list[Candidate]]) -> list[Candidate]:
        """The head of a ranking of the shopper's; made if it is not there, or older than the shopper's last action."""
        state, key = shopper.state, (shopper.user_id, ranking)
        known = self._heads.get(key)
        if known is not None and known[0] is state and known[1] == state.changes:
            return known[2]
        changes, head = state.changes, make()
        self._heads[key] = state, changes, head
        if len(self._heads) > self._size:
            self._heads.popitem(last=False)
        return head
