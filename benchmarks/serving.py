"""Ten recommendations for a user, against an empty FastAPI route that returns bytes.

One uvicorn worker each, started as the stack starts serving, asked over 16 connections by this process. Users and their
tokens are drawn from all users of the whole data's bundle. For each hundred questions one report of what was seen comes
in and one action goes to the broker, so that feedback is recorded and live sessions change. Cold users ask for the
first time, a third of them in each round: their token is to be verified and their ranking to be made, which warm users
find done. First the cold ones and the empty route take turns, then the warm ones and the empty route.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.request import urlopen

import uvloop

from benchmarks.load import Sample, closed_loop, open_loop, request
from benchmarks.measure import ROUNDS, in_turns, median
from benchmarks.report import Figure, Options, at_least, at_most, run, tell
from benchmarks.shoppers import EVERY, Shoppers
from benchmarks.state import whole
from stack.environment import Environment
from stack.parts.broker import Broker
from stack.parts.process import HOST, Process, free_port
from stack.programs import PROGRAMS, program_ports
from stack.state import State
from stack.topics import create_topics

THROUGHPUT: Final = at_least(0.50)
COLD: Final = at_least(0.06)
LATENCY: Final = at_most(9, "ms")

SERVING: Final = next(program for program in PROGRAMS if program.name == "serving")
FACTORY: Final = "serving.app:create_app"
SHARE: Final = EVERY / (EVERY + 1)
"""Of the answers to a load, the rest being receipts of reports."""


def measure(options: Options) -> Iterator[Figure]:
    """Measure both in turns, then serving at half of its peak."""
    seconds = 0.3 if options.small else 6
    with _servers(whole(options.state)) as (environment, serving, empty):
        shoppers = Shoppers(environment)
        asyncio.run(shoppers.get_ready(serving))
        nothing = request("GET", "/", token=next(iter(shoppers.tokens.values())))

        async def ask(seed: int, rate: float | None = None) -> Sample:
            async with shoppers.acting():
                asked = shoppers.requests(seed)
                if rate is None:
                    return await closed_loop(serving, asked, seconds=seconds)
                return await open_loop(serving, asked, seconds=seconds, rate=rate)

        seeds, rounds = iter(range(100)), iter(range(ROUNDS))

        def ask_nothing() -> float:
            return uvloop.run(closed_loop(empty, repeat(nothing), seconds=seconds)).rate

        def ask_cold() -> float:
            strangers = shoppers.strangers[next(rounds) :: ROUNDS]
            return uvloop.run(closed_loop(serving, iter(strangers))).rate

        tell("cold users, as many as are answered")
        cold, nothings = in_turns(ask_cold, ask_nothing)
        yield Figure.chosen("cold users", "1/s", COLD, cold, nothings, by=max)
        tell("warm users, as many as are answered")
        warm, nothings = in_turns(lambda: uvloop.run(ask(next(seeds))).rate * SHARE, ask_nothing)
        yield Figure.chosen("warm users", "1/s", THROUGHPUT, warm, nothings, by=max)
        tell("half of that")
        runs = [uvloop.run(ask(next(seeds), rate=max(warm) / 2)).milliseconds(99) for _ in warm]
        yield Figure.chosen("warm users p99", "ms", LATENCY, runs, by=median)


@contextmanager
def _servers(state: State) -> Iterator[tuple[Environment, int, int]]:
    """A broker, serving on the state's bundles, and the empty route; the ports of both."""
    with ExitStack() as parts:
        parts.enter_context(state.locked())
        log = Path(parts.enter_context(TemporaryDirectory()))
        environment = Environment(state, state.ports(program_ports()))
        parts.enter_context(Broker(log, environment.ports["broker"]))
        asyncio.run(create_topics(environment.kafka))
        serving, empty = environment.ports["serving"], free_port()
        for factory, port in ((FACTORY, serving), ("benchmarks.empty_route:create_app", empty)):
            parts.enter_context(_application(factory, port, environment, log / f"{port}.log"))
        yield environment, serving, empty


def _application(factory: str, port: int, environment: Environment, log: Path) -> Process:
    """An application as the stack starts serving."""
    command = [part.format(port=port).replace(FACTORY, factory) for part in SERVING.command]

    def answers() -> bool:
        with urlopen(f"http://{HOST}:{port}/openapi.json") as answer:
            return json.load(answer)["openapi"] is not None

    return Process(factory, command, log, environment=environment.of(SERVING), is_ready=answers)


if __name__ == "__main__":
    run("serving", measure, __doc__)
