"""Matches returns: a negative line is matched to the same buyer's earlier orders of the item, latest first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

Key = tuple[str, str]
"""Buyer and item."""


@dataclass
class Bought:
    """The quantity of an item in an order, minus its returns."""

    order_id: str
    at: datetime
    left: int


@dataclass(frozen=True)
class Return:
    """One negative line; `row` is 0 if it is not from this import's files."""

    row: int
    return_id: str
    user_id: str
    item_id: str
    at: datetime
    quantity: int


@dataclass(frozen=True)
class Match:
    """A matched part of a line and its order; without an order it is unmatched."""

    line: Return
    order_id: str | None
    quantity: int


def match(bought: Iterable[tuple[Key, Bought]], returned: Iterable[Return]) -> Iterator[Match]:
    """Match lines to orders.

    Args:
        bought: in the order of the keys.
        returned: in the order of the keys, then of the time.
    """
    purchases = groupby(bought, key=lambda pair: pair[0])
    key, orders = next(purchases, (None, iter(())))
    for wanted, lines in groupby(returned, key=lambda line: (line.user_id, line.item_id)):
        while key is not None and key < wanted:
            key, orders = next(purchases, (None, iter(())))
        stock = sorted((each for _, each in orders), key=lambda each: each.at) if key == wanted else []
        for line in lines:
            yield from _take(stock, line)


def _take(stock: list[Bought], line: Return) -> Iterator[Match]:
    wanted = line.quantity
    for each in reversed(stock):
        if wanted and each.left and each.at <= line.at:
            taken = min(wanted, each.left)
            each.left -= taken
            wanted -= taken
            yield Match(line, each.order_id, taken)
    if wanted:
        yield Match(line, None, wanted)
