"""The order in which a shopper would rather have given products."""

from collections.abc import Sequence

import numpy as np

from ml.shelves.sources import Visit


def by_taste(visit: Visit, product_ids: Sequence[int]) -> list[int] | None:
    """The products most like what the shopper bought or touched first; None if nothing is known of the shopper.

    What was bought counts by how often, less with each time; what was touched, as bought once. Products that are
    equally near, and those that the bundle does not know, keep their order.
    """
    factors, index = visit.bundle.content.factors, visit.catalogue.index
    touched = [candidate.item for candidate in visit.touched_items]
    seeds = np.concatenate([visit.owned.items, np.array(touched, dtype=np.int32)])
    weights = np.log1p(np.concatenate([visit.owned.counts, np.ones(len(touched))]))
    is_learnt = seeds < factors.shape[0]
    taste = weights[is_learnt] @ factors[seeds[is_learnt]]
    if not taste.any():
        return None
    liking = dict(zip(product_ids, [0.0] * len(product_ids), strict=True))
    learnt = {each: index[each] for each in liking if index.get(each, factors.shape[0]) < factors.shape[0]}
    liking |= zip(learnt, (factors[list(learnt.values())] @ taste).tolist(), strict=True)
    return sorted(liking, key=lambda each: -liking[each])
