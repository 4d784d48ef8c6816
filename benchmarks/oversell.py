"""Fifty buyers at once for ten pieces, round after round: how many are sold that are not there, and how many are not.

Who finds nothing left in the cart gets 409; who finds it gone at the reservation gets an order that is cancelled.
"""

import asyncio
from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import httpx2

from benchmarks.order_shop import BODY, OrderShop, order_shop
from benchmarks.report import Figure, Options, at_most, run
from stack.parts.process import HOST

BUYERS, PIECES = 50, 10
ROUNDS, SMALL_ROUNDS = 20, 1
NONE: Final = at_most(0, "pieces")
PLACED_OR_TOO_LATE: Final = {201, 409}


def measure(options: Options) -> Iterator[Figure]:
    """All rounds; each has a product of its own."""
    rounds = SMALL_ROUNDS if options.small else ROUNDS
    over = under = 0
    with order_shop() as shop:
        for number in range(1, rounds + 1):
            shop.stock(number, PIECES)
            users = [f"{number}-{buyer}" for buyer in range(BUYERS)]
            shop.fill(users, number)
            asyncio.run(_all_at_once(shop, users))
            if not shop.settled():
                raise RuntimeError("some orders have not ended")
            sold = sum(status == "CONFIRMED" for status, _ in shop.outcomes(users))
            over += max(sold - PIECES, 0)
            under += max(PIECES - sold, shop.left(number))
    yield Figure(f"oversold, in {rounds} rounds", over, "pieces", NONE)
    yield Figure(f"undersold, in {rounds} rounds", under, "pieces", NONE)


async def _all_at_once(shop: OrderShop, users: list[str]) -> None:
    async with httpx2.AsyncClient(base_url=f"http://{HOST}:{shop.port}", timeout=60) as client:

        async def order(user: str) -> int:
            token = shop.signer.user_token(user)
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
            headers["Content-Type"] = "application/json"
            return (await client.post("/v1/orders", content=BODY, headers=headers)).status_code

        found = set(await asyncio.gather(*map(order, users)))
    if found - PLACED_OR_TOO_LATE:
        raise RuntimeError(f"unexpected answers: {found}")


if __name__ == "__main__":
    run("oversell", measure, __doc__)
