"""Checkouts with the local provider, from the request to the confirmed order.

Five services, each one process: an order asks profile for the address and cart for the lines (which asks catalog), and
its saga reserves, pays, commits, captures and confirms. `orders` is as many as 16 connections get confirmed without a
pause; the times are at 5 orders a second, from the moment at which a request was due to the answer, and from placing
the order to its confirmation.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import uvloop

from benchmarks.load import closed_loop, open_loop
from benchmarks.order_shop import OrderShop, order_shop
from benchmarks.report import Figure, Options, at_least, at_most, run

RATE: Final = at_least(10, "orders/s")
WITHIN: Final = at_most(800, "ms")
ORDERS, SMALL_ORDERS = 400, 10
PER_SECOND: Final = 5


def measure(options: Options) -> Iterator[Figure]:
    """As many as fit, then five a second."""
    count = SMALL_ORDERS if options.small else ORDERS
    with order_shop() as shop:
        shop.stock(1, 10 * ORDERS)
        _fast(shop, "warm", SMALL_ORDERS)
        yield Figure("orders confirmed, as many as fit", _fast(shop, "fast", count), "orders/s", RATE)
        users = [f"even-{number}" for number in range(count)]
        shop.fill(users, 1)
        sample = uvloop.run(open_loop(shop.port, map(shop.order, users), seconds=count / PER_SECOND, rate=PER_SECOND))
        waits = _confirmed(shop, users) * 1000
        yield Figure("request, p99, at 5 orders/s", sample.milliseconds(99), "ms")
        yield Figure("placed to confirmed, p50, at 5 orders/s", float(np.percentile(waits, 50)), "ms")
        whole = sample.milliseconds(99) + float(np.percentile(waits, 99))
        yield Figure("request and confirmation, p99 + p99, at 5 orders/s", whole, "ms", WITHIN)


def _fast(shop: OrderShop, name: str, count: int) -> float:
    users = [f"{name}-{number}" for number in range(count)]
    shop.fill(users, 1)
    sample = uvloop.run(closed_loop(shop.port, map(shop.order, users)))
    waits = _confirmed(shop, users)
    return count / (sample.seconds + float(waits[-1]))


def _confirmed(shop: OrderShop, users: list[str]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    if not shop.settled():
        raise RuntimeError("some orders have not ended")
    outcomes = shop.outcomes(users)
    if {status for status, _ in outcomes} != {"CONFIRMED"}:
        raise RuntimeError(f"not all orders are confirmed: {outcomes[:5]}")
    return np.array([seconds for _, seconds in outcomes])


if __name__ == "__main__":
    run("checkout", measure, __doc__)
