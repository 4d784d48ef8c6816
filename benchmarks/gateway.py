"""What the gateway adds to a request that it forwards, against an empty FastAPI route, to which it forwards.

The gateway as the stack starts it, one uvicorn worker each, with rate limits counted in a real Valkey and a token of a
random user on each request; every token was verified before. First as many requests as are answered over 16
connections, by the gateway and by the route alone, in turns. Then 100 requests a second, by both in turns: the
latency that the gateway adds is the difference of the medians.
"""

import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple
from urllib.request import urlopen

import uvloop

from benchmarks.load import closed_loop, open_loop, request
from benchmarks.measure import in_turns, median
from benchmarks.report import ROOT, Figure, Options, at_least, at_most, run, tell
from stack.keys import Keyring
from stack.parts.process import HOST, Process, free_port
from stack.parts.valkey import Valkey

THROUGHPUT: Final = at_least(0.20)
ADDED: Final = at_most(3, "ms")

PATH: Final = "/v1/products"
USERS: Final = 200
RATE: Final = 100
WITHOUT_END: Final = "1000000000"


class Servers(NamedTuple):
    """The ports of both, and the requests of all users."""

    gateway: int
    route: int
    requests: list[bytes]


def measure(options: Options) -> Iterator[Figure]:
    """Measure both in turns, at their peaks and at ease."""
    seconds = 0.3 if options.small else 6
    with servers() as (gateway, route, requests):
        chance = random.Random(1)  # noqa: S311 - a draw, no secret

        def draws() -> Iterator[bytes]:
            return (chance.choice(requests) for _ in count())

        def peak(port: int) -> float:
            return uvloop.run(closed_loop(port, draws(), seconds=seconds)).rate

        def at_ease(port: int) -> float:
            return uvloop.run(open_loop(port, draws(), seconds=seconds, rate=RATE)).milliseconds(50)

        uvloop.run(closed_loop(gateway, iter(requests), connections=1))
        tell("as many as are answered")
        forwarded, direct = in_turns(lambda: peak(gateway), lambda: peak(route))
        yield Figure.chosen("forwarded requests", "1/s", THROUGHPUT, forwarded, direct, by=max)
        tell(f"{RATE} a second")
        slow, fast = in_turns(lambda: at_ease(gateway), lambda: at_ease(route))
        added = [one - other for one, other in zip(slow, fast, strict=True)]
        yield Figure.chosen("added median", "ms", ADDED, added, by=median)


@contextmanager
def servers() -> Iterator[Servers]:
    """The gateway, its Valkey, and the route behind it."""
    with ExitStack() as parts:
        directory = Path(parts.enter_context(TemporaryDirectory()))
        keys = Keyring(directory / "keys").ensure()
        valkey = parts.enter_context(Valkey(directory / "valkey"))
        route, gateway = free_port(), free_port()
        environment = {
            **os.environ,
            "AUTH_ISSUER": keys.issuer,
            "AUTH_JWKS_URL": keys.published.as_uri(),
            "AUTH_SIGNING_KEY_FILE": str(keys.private("gateway")),
            **{f"{name}_URL": f"http://{HOST}:{route}" for name in ("CATALOG", "ANALYTICS", "CONTENT", "SERVING")},
            "REDIS_URL": valkey.url,
            "GATEWAY_USER_REQUESTS_PER_MINUTE": WITHOUT_END,
        }
        for factory, port in (
            ("benchmarks.empty_route:create_app", route),
            ("services.gateway.app:create_app", gateway),
        ):
            parts.enter_context(_application(factory, port, environment, directory / f"{port}.log"))
        signer = keys.signer("auth")
        tokens = (signer.user_token(f"user-{number}") for number in range(USERS))
        yield Servers(gateway, route, [request("GET", PATH, token=token) for token in tokens])


def _application(factory: str, port: int, environment: dict[str, str], log: Path) -> Process:
    """An application as the stack starts it."""
    server = (sys.executable, "-m", "services.common.web.server", factory, "--host", HOST, "--port", str(port))

    def answers() -> bool:
        with urlopen(f"http://{HOST}:{port}/openapi.json") as answer:
            return bool(answer.read())

    return Process(factory, server, log, environment=environment, directory=ROOT, is_ready=answers)


if __name__ == "__main__":
    run("gateway", measure, __doc__)
