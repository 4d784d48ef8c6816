"""From a click at the gateway to the answer that knows it, for 200 users in random order, while the whole shop runs.

The click goes to the collector, from there to the broker, and from there to serving, which follows it. Meanwhile the
gateway is asked for the shelf `CONTINUE_SHOPPING`, every 20 ms at most, until what was clicked stands first on it. The
time counts from sending the click to having that answer. Clicks come at random moments, so as not to keep step with
whatever waits behind them, and never so rarely that serving naps between them (`Follower`). All of that on the embedded
broker, and on Apache Kafka where the machine has what it needs.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import numpy as np

from benchmarks.brokers import brokers
from benchmarks.report import Figure, Options, Skipped, at_most, run, tell
from benchmarks.shoppers import Shoppers
from benchmarks.state import running
from stack.environment import Environment
from stack.state import BrokerKind

LATENCY: Final = at_most(65, "ms")

CLICKS: Final = 200
PAUSE_SECONDS: Final = 0.5
"""The longest time between two clicks."""
POLL_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 30
BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"


def measure(options: Options) -> Iterator[Figure | Skipped]:
    """Click and wait, again and again, on one broker after the other."""
    for broker in brokers():
        if isinstance(broker, Skipped):
            yield broker
            continue
        with running(options.state, broker) as environment:
            yield from click(environment, 10 if options.small else CLICKS, broker)


def click(environment: Environment, clicks: int, broker: BrokerKind) -> Iterator[Figure]:
    """Click so often in a running shop."""
    tell(f"clicks of random users, {broker} broker")
    seconds = asyncio.run(_clicks(environment, clicks))
    yield Figure(f"changed answer p99, {broker} broker", _milliseconds(seconds, 99), "ms", LATENCY)
    yield Figure(f"changed answer median, {broker} broker", _milliseconds(seconds, 50), "ms")


async def _clicks(environment: Environment, clicks: int) -> list[float]:
    tokens = list(Shoppers(environment).tokens.items())
    chance = random.Random(1)  # noqa: S311 - draws, no secrets
    gateway = environment.address("gateway")
    async with httpx2.AsyncClient(base_url=gateway, headers={"User-Agent": BROWSER}, trust_env=False) as client:
        return [await _after_a_while(client, chance, *chance.choice(tokens)) for _ in range(clicks)]


async def _after_a_while(client: httpx2.AsyncClient, chance: random.Random, user: str, token: str) -> float:
    await asyncio.sleep(chance.uniform(0, PAUSE_SECONDS))
    return await _until_known(client, user, token)


async def _until_known(client: httpx2.AsyncClient, user: str, token: str) -> float:
    """The seconds from a user's click on something new to the answer in which it stands first."""
    headers = {"Authorization": f"Bearer {token}"}

    async def shelf(name: str) -> list[int]:
        params: dict[str, Any] = {"shelf": name, "limit": 20}
        answer = await client.get(f"/v1/users/{user}/recommendations", params=params, headers=headers)
        return [item["productId"] for item in answer.raise_for_status().json()["items"]]

    first = (await shelf("CONTINUE_SHOPPING"))[:1]
    product = next(item for item in await shelf("RECOMMENDED") if item not in first)
    action = {"actionType": "PRODUCT_VIEWED", "userId": user, "productId": product}
    clicked_at = time.perf_counter()
    (await client.post("/v1/actions", json={"actions": [action], "consent": True}, headers=headers)).raise_for_status()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await shelf("CONTINUE_SHOPPING"))[:1] != [product]:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(POLL_SECONDS)
    return time.perf_counter() - clicked_at


def _milliseconds(seconds: list[float], percentile: float) -> float:
    return float(np.percentile(seconds, percentile, method="higher")) * 1000


if __name__ == "__main__":
    run("freshness", measure, __doc__)
