"""How others fare while one hostile client attacks the gateway: pages of random users, 50 a second, of the whole shop.

The attacks are those of `benchmarks.attackers`, each by a process of its own from another address of this machine
(Linux has many). A page's time counts from the moment at which it was due; one that is not answered with success stops
the benchmark. Without and with an attack take turns; each figure is the run in the middle.
"""

import random
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Final

import uvloop

from benchmarks.attackers import ATTACKS, under_way
from benchmarks.load import Sample, closed_loop, open_loop, request
from benchmarks.measure import in_turns, median
from benchmarks.report import Figure, Options, at_most, run, tell
from benchmarks.shoppers import Shoppers
from benchmarks.state import running
from stack.environment import Environment

SLOWER: Final = at_most(2)

RATE: Final = 50
WARM_UP: Final = 200
ATTACKER: Final = "127.0.0.2"


def measure(options: Options) -> Iterator[Figure]:
    """Measure each attack in turns with none."""
    with running(options.state) as environment:
        yield from look(environment, list(ATTACKS), seconds=2 if options.small else 10)


def look(environment: Environment, names: list[str], *, seconds: float) -> Iterator[Figure]:
    """Ask a running shop for pages, without and with each attack."""
    gateway = environment.ports["gateway"]
    chance = random.Random(1)  # noqa: S311 - a draw, no secret

    def undisturbed(pages: list[bytes]) -> Sample:
        visits = (chance.choice(pages) for _ in count())
        return uvloop.run(open_loop(gateway, visits, seconds=seconds, rate=RATE))

    def attacked(name: str, pages: list[bytes]) -> Sample:
        with under_way(name, gateway, source=ATTACKER):
            return undisturbed(pages)

    for name in names:
        tell(name)
        tokens = Shoppers(environment).tokens.values()  # they live for five minutes: all attacks together take longer
        pages = [request("GET", "/v1/top-page", token=token) for token in tokens]
        uvloop.run(closed_loop(gateway, iter(pages[:WARM_UP]), connections=1))
        with_it, without = in_turns(partial(attacked, name, pages), partial(undisturbed, pages))
        p99, references = ([sample.milliseconds(99) for sample in samples] for samples in (with_it, without))
        yield Figure.chosen(f"page p99, {name}", "ms", SLOWER, p99, references, by=median)


if __name__ == "__main__":
    run("attacks", measure, __doc__)
