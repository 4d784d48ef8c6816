"""A user's kept purchases: the bundle's history, corrected by individually known orders."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.bundle.bundle import Bundle
from ml.bundle.content import Float32, Int32

Float64 = npt.NDArray[np.float64]

DAY: Final = 86_400.0
ROUNDING: Final = 1.0
"""The history has whole seconds only."""


@dataclass(slots=True)
class Order:
    """The state of one order; events may arrive in any order and more than once.

    Attributes:
        at: when it was placed, in seconds since 1970 UTC; None until the order itself is known.
        changed_at: the time of its newest known event.
        is_past: whether the bundle's history contains it.
        lines: product id -> quantity.
        returns: return id -> product id -> quantity.
        is_cancelled: whether it was cancelled.
    """

    at: float | None = None
    changed_at: float = 0.0
    is_past: bool = False
    lines: dict[int, int] = field(default_factory=dict)
    returns: dict[int, Mapping[int, int]] = field(default_factory=dict)
    is_cancelled: bool = False

    def products(self) -> set[int]:
        """All products that the order is known to have contained."""
        return {*self.lines, *(product_id for back in self.returns.values() for product_id in back)}

    def keeps(self, product_id: int) -> bool:
        """Whether the user kept any of the product."""
        came_back = sum(back.get(product_id, 0) for back in self.returns.values())
        return not self.is_cancelled and self.lines.get(product_id, 0) > came_back

    def merge(self, other: "Order") -> None:
        """Merge another state of the same order."""
        self.at = other.at if self.at is None else self.at
        self.changed_at = max(self.changed_at, other.changed_at)
        self.lines |= other.lines
        self.returns |= other.returns
        self.is_cancelled |= other.is_cancelled

    def copy(self) -> "Order":
        """An independent copy."""
        return Order(self.at, self.changed_at, self.is_past, dict(self.lines), dict(self.returns), self.is_cancelled)


@dataclass(slots=True)
class Purchases:
    """The purchases of one product in the known orders.

    Attributes:
        kept: times of kept purchases, ascending.
        added: how many of these the bundle's history lacks.
        undone: times of purchases in the history that were cancelled or returned; 0 = long ago.
        ordered_at: time of the last order, kept or not.
    """

    kept: list[float] = field(default_factory=list)
    added: int = 0
    undone: list[float] = field(default_factory=list)
    ordered_at: float = 0.0

    @property
    def bought_at(self) -> float:
        """Time of the last kept purchase; 0 for never."""
        return self.kept[-1] if self.kept else 0.0


NEVER: Final = Purchases()
"""The value for a product without recent orders."""


def purchases(orders: Iterable[Order]) -> dict[int, Purchases]:
    """The purchases of each product in these orders, by product id."""
    found: dict[int, Purchases] = {}
    for order in sorted(orders, key=lambda order: order.at or 0):
        for product_id in order.products():
            of_product = found.setdefault(product_id, Purchases())
            of_product.ordered_at = order.at or 0.0
            if order.at is not None and order.keeps(product_id):
                of_product.kept.append(order.at)
                of_product.added += not order.is_past
            elif order.is_past or order.at is None:  # an unknown order is older than the known ones
                of_product.undone.append(order.at or 0.0)
    return found


@dataclass(frozen=True, slots=True)
class Owned:
    """A user's kept purchases up to now: the columns of `History`, ascending by item."""

    items: Int32
    counts: Int32
    last_bought: Float64
    interval_days: Float32

    def of(self, items: list[int], column: npt.NDArray[Any]) -> list[Any]:
        """The values of a column for these items; 0 for an item that is not owned."""
        if not items or not self.items.size:
            return [0] * len(items)
        places = np.minimum(np.searchsorted(self.items, items), self.items.size - 1)
        found: list[Any] = np.where(self.items[places] == items, column[places], 0).tolist()
        return found


def owned(bundle: Bundle, index: Mapping[int, int], user_id: str, recent: Mapping[int, Purchases]) -> Owned:
    """The user's history with newer purchases added and undone ones removed.

    Args:
        bundle: has the history.
        index: product id -> item.
        user_id: the user; an unknown one has no history.
        recent: the individually known purchases, see `purchases`.
    """
    history, entries = bundle.content.history, bundle.bought(user_id)
    past = Owned(
        history.items[entries],
        history.counts[entries],
        history.last_bought[entries].astype(np.float64),
        history.interval_days[entries],
    )
    changed = {
        index[product_id]: of_product
        for product_id, of_product in recent.items()
        if (of_product.added or of_product.undone) and product_id in index
    }
    if not changed:
        return past
    items = sorted(changed)
    columns: tuple[npt.NDArray[Any], ...] = (past.items, past.counts, past.last_bought, past.interval_days)
    before = zip(*(past.of(items, column) for column in columns[1:]), strict=True)
    after = [(item, *_after(changed[item], *row)) for item, row in zip(items, before, strict=True)]
    kept = [row for row in after if row[1] > 0]
    stays = ~np.isin(past.items, items)
    joined = [
        np.concatenate([column[stays], np.array([row[place] for row in kept], dtype=column.dtype)])
        for place, column in enumerate(columns)
    ]
    ascending = np.argsort(joined[0])
    return Owned(*(column[ascending] for column in joined))


def _after(recent: Purchases, count: int, last: float, interval: float) -> tuple[int, float, float]:
    """Count, last purchase and interval in days of a product, after the corrections.

    If the last purchase was undone and no earlier one is individually known, it was about one interval earlier; then
    the interval is unknown, because a reason would name a day that is only estimated.
    """
    if recent.undone and max(recent.undone) >= last - ROUNDING:
        last -= interval * DAY
        interval = interval if recent.kept and recent.bought_at >= last else 0.0
    return max(0, count - len(recent.undone)) + recent.added, max([last, *recent.kept]), interval
