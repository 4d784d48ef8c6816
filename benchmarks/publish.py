"""Seconds to compose all shelves of all users and show them as one generation; and to go back and forward again.

The pipelines' own client, the champion's bundle of the whole data, and a real content service on a copy of its real
database. Publishing is measured three times and the best counts; going back and forth is told by the median, and holds
all that the client does: tokens, connections, requests.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from benchmarks.measure import median
from benchmarks.report import Figure, Options, at_most, run, tell
from benchmarks.state import parts
from ml.bundle.bundle import Bundle
from ml.bundle.champion import Champion
from ml.shelves.composing import Rules
from ml.shelves.generation import compose_all
from pipelines.content import Content
from stack.children import child_of
from stack.databases import role_url
from stack.environment import Environment
from stack.parts.process import HOST
from stack.programs import PROGRAMS
from stack.topics import create_topics

PUBLISH: Final = at_most(7.5, "s")
SWITCH: Final = at_most(12.5, "ms")
DATABASE: Final = "content_benchmark"
SWITCHES: Final = 11


def measure(options: Options) -> Iterator[Figure]:
    """Publish, activate and roll back."""
    generations = [f"benchmark-{number}" for number in range(2 if options.small else 3)]
    with _content(options.state) as (content, bundles):
        champion = Champion.read(bundles)
        assert champion is not None
        published = [
            _timed(f"publish {name}", partial(_publish, content, bundles, champion.bundle, name))
            for name in generations
        ]
        before, last = generations[-2:]
        switches = [
            (
                _timed(f"roll back to {before}", partial(content.activate, before, champion.bundle)),
                _timed(f"activate {last}", partial(content.activate, last, champion.bundle)),
            )
            for _ in range(1 if options.small else SWITCHES)
        ]
    yield Figure.chosen("publish", "s", PUBLISH, published, by=min)
    yield Figure.chosen("activate", "ms", SWITCH, [1000 * forward for _, forward in switches], by=median)
    yield Figure.chosen("roll back", "ms", SWITCH, [1000 * back for back, _ in switches], by=median)


def _publish(content: Content, bundles: Path, bundle_id: str, generation: str) -> None:
    rules = Rules.load()
    bundle = Bundle.open(bundles / bundle_id, rules.candidate_sources())
    rows = content.upload(generation, bundle_id, compose_all(bundle, rules, datetime.now(UTC)))
    content.activate(generation, bundle_id)
    tell(f"{rows:,} rows")


def _timed(what: str, do: Callable[[], None]) -> float:
    started = time.perf_counter()
    do()
    seconds = time.perf_counter() - started
    tell(f"{what}: {seconds:.3f} s")
    return seconds


@contextmanager
def _content(directory: Path) -> Iterator[tuple[Content, Path]]:
    """The content service of the state, as the stack starts it but on a copy of its database; and the bundles."""
    with parts(directory, "postgres", "broker", "valkey") as inside:
        asyncio.run(create_topics(inside.kafka))
        with _copied_database(inside) as url:
            environment = Environment(inside.state, inside.ports, {**os.environ, "CONTENT_DATABASE_URL": url})
            (program,) = (program for program in PROGRAMS if program.name == "content")
            with child_of(program, environment).process:
                key = str(inside.state.keyring().private("pipelines"))
                issuer = environment.variables["AUTH_ISSUER"]
                yield (
                    Content(url=environment.address("content"), signing_key_file=key, issuer=issuer),
                    environment.bundles,
                )


@contextmanager
def _copied_database(environment: Environment) -> Iterator[str]:
    server = f"{HOST}:{environment.ports['postgres']}"
    database, role = sql.Identifier(DATABASE), sql.Identifier("content")
    admin = role_url(server, "postgres", environment.state.secret("postgres"), "postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        drop = sql.SQL("drop database if exists {} with (force)").format(database)
        connection.execute(drop)
        connection.execute(sql.SQL("create database {} template {role} owner {role}").format(database, role=role))
        try:
            yield role_url(server, "content", environment.state.secret("content"), DATABASE)
        finally:
            connection.execute(drop)


if __name__ == "__main__":
    run("publish", measure, __doc__)
