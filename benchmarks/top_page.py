"""The top page of a random user at the gateway, 50 a second, while the whole shop runs.

The gateway asks serving, which asks content; Postgres, the broker and all the rest run beside them. A page's time
counts from the moment at which it was due.
"""

import random
from collections.abc import Iterator
from itertools import count
from typing import Final

import uvloop

from benchmarks.load import Sample, closed_loop, open_loop, request
from benchmarks.measure import ROUNDS, median
from benchmarks.report import Figure, Options, at_most, run, tell
from benchmarks.shoppers import Shoppers
from benchmarks.state import running
from stack.environment import Environment

LATENCY: Final = at_most(60, "ms")

RATE: Final = 50
WARM_UP: Final = 200


def measure(options: Options) -> Iterator[Figure]:
    """Measure three times and take the run in the middle."""
    with running(options.state) as environment:
        yield from look(environment, seconds=2 if options.small else 20)


def look(environment: Environment, *, seconds: float) -> Iterator[Figure]:
    """Ask a running shop for pages."""
    gateway, tokens = environment.ports["gateway"], list(Shoppers(environment).tokens.values())
    pages = [request("GET", "/v1/top-page", token=token) for token in tokens]

    def visit(seed: int) -> Sample:
        tell("pages of random users")
        chance = random.Random(seed)  # noqa: S311 - a draw, no secret
        visits = (chance.choice(pages) for _ in count())
        return uvloop.run(open_loop(gateway, visits, seconds=seconds, rate=RATE))

    uvloop.run(closed_loop(gateway, iter(pages[:WARM_UP]), connections=1))
    runs = [visit(seed) for seed in range(ROUNDS)]
    yield Figure.chosen("page p99", "ms", LATENCY, [run.milliseconds(99) for run in runs], by=median)
    yield Figure.chosen("page median", "ms", None, [run.milliseconds(50) for run in runs], by=median)


if __name__ == "__main__":
    run("top_page", measure, __doc__)
