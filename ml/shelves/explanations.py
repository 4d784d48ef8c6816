"""Explains why a product was chosen: which of the user's own items contributed most."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ml.bundle.bundle import Bundle
from ml.bundle.content import Int32

ALIKE_FROM: Final = 0.3
"""The minimum cosine at which two items are called similar."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The own item that contributed most, and how: bought by the same users, or similar by description or factors."""

    item: int
    kind: Literal["because_bought", "alike"]


def grounds(bundle: Bundle, targets: list[int], owned: Int32, counts: Int32) -> list[Ground | None]:
    """For each target the owned item that contributed most; None if there is none.

    An owned item's contribution is its similarity to the target times the logarithm of its purchase count, the same
    weight that the models use.

    Args:
        bundle: has neighbours and factors.
        targets: item indices to explain, all in the bundle.
        owned: int32 [H] items that the user bought, ascending.
        counts: int32 [H] number of baskets with each.
    """
    if not targets or not owned.size:
        return [None] * len(targets)
    neighbours = bundle.content.neighbours
    near = neighbours.items[targets]
    places = np.minimum(np.searchsorted(owned, near), owned.size - 1)
    weights = np.log1p(counts)
    speaks = np.where(owned[places] == near, neighbours.scores[targets] * weights[places], 0)
    if near.shape[1]:
        best = speaks.argmax(axis=1)
        rows = np.arange(len(targets))
        strengths, items = speaks[rows, best].tolist(), near[rows, best].tolist()
    else:
        strengths, items = [0.0] * len(targets), targets
    alike = _most_alike(
        bundle, [target for target, strength in zip(targets, strengths, strict=True) if not strength], owned
    )
    together = bundle.content.together[targets].tolist()
    return [
        Ground(item, "because_bought" if is_together else "alike") if strength else alike[target]
        for target, item, strength, is_together in zip(targets, items, strengths, together, strict=True)
    ]


def _most_alike(bundle: Bundle, targets: list[int], owned: Int32) -> dict[int, Ground | None]:
    """For each target the owned item with the most similar factors, if similar enough."""
    factors = bundle.content.factors
    if not targets or not factors.shape[1]:
        return dict.fromkeys(targets)
    likeness = factors[targets] @ factors[owned].T
    best = likeness.argmax(axis=1)
    return {
        target: Ground(int(owned[place]), "alike") if row[place] >= ALIKE_FROM else None
        for target, place, row in zip(targets, best.tolist(), likeness, strict=True)
    }
