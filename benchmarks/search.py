"""Searches of the demo's whole catalogue, 20 a second, by one catalog process while the whole shop runs.

Each is for one or two words that products have, chosen by how many products are this kind of thing, with all facets;
half of them have filters, too. An answer's time counts from the moment at which it was due.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final
from urllib.parse import urlencode

import psycopg
import uvloop

from benchmarks.load import Sample, closed_loop, open_loop, request
from benchmarks.measure import ROUNDS, median
from benchmarks.report import Figure, Options, at_most, run, tell
from benchmarks.state import running
from stack.databases import role_url
from stack.environment import Environment
from stack.parts.process import HOST

LATENCY: Final = at_most(25, "ms")

RATE: Final = 20
WARM_UP: Final = 100
FILTERS: Sequence[dict[str, str]] = (
    {},
    {"inStock": "true"},
    {},
    {"priceMax": "5", "ratingMin": "0"},
    {},
    {"priceMin": "1", "sort": "price"},
)
_WORDS = "SELECT surface, heads FROM search_words WHERE heads >= 5 ORDER BY key"


def measure(options: Options) -> Iterator[Figure]:
    """Measure three times and take the run in the middle."""
    with running(options.state) as environment:
        yield from look(environment, seconds=2 if options.small else 30)


def look(environment: Environment, *, seconds: float) -> Iterator[Figure]:
    """Ask the catalog of a running shop."""
    port, words = environment.ports["catalog"], _words(environment)

    def search(seed: int) -> Sample:
        tell("searches for words of the catalogue")
        chance = random.Random(seed)  # noqa: S311 - a draw, no secret
        return uvloop.run(open_loop(port, (_asked(chance, words) for _ in count()), seconds=seconds, rate=RATE))

    chance = random.Random(0)  # noqa: S311 - likewise
    uvloop.run(closed_loop(port, iter([_asked(chance, words) for _ in range(WARM_UP)]), connections=1))
    runs = [search(seed) for seed in range(1, ROUNDS + 1)]
    yield Figure.chosen("search p99", "ms", LATENCY, [run.milliseconds(99) for run in runs], by=median)
    yield Figure.chosen("search median", "ms", None, [run.milliseconds(50) for run in runs], by=median)


def _words(environment: Environment) -> Sequence[tuple[str, int]]:
    address = f"{HOST}:{environment.ports['postgres']}"
    with psycopg.connect(role_url(address, "catalog", environment.state.secret("catalog"), "catalog")) as connection:
        return connection.execute(_WORDS).fetchall()


def _asked(chance: random.Random, words: Sequence[tuple[str, int]]) -> bytes:
    chosen = chance.choices([word for word, _ in words], [heads for _, heads in words], k=chance.randint(1, 2))
    query = {"q": " ".join(chosen), "facets": "true", **chance.choice(FILTERS)}
    return request("GET", f"/v1/search?{urlencode(query)}")


if __name__ == "__main__":
    run("search", measure, __doc__)
