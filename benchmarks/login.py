"""Logins a second at both costs of argon2id that may be chosen (`AUTH_PASSWORD_COST`), and what others feel of them.

The auth service as the stack starts it, one process on a real database. Sixteen connections log in without a pause,
each time as another one of 200 users. `hashing alone` is how often this machine computes such a hash in as many
threads as the service has, with nothing around it. The other route reads a user of the database, 50 times a second,
evenly: alone, beside as many logins as fit, and beside the 20 a second that are wanted (nine tenths of what fits, if
that is less).
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, repeat
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import psycopg
import uvloop
from argon2 import PasswordHasher

from benchmarks.brokers import started
from benchmarks.load import Sample, closed_loop, open_loop, request
from benchmarks.report import Figure, Options, at_least, run
from services.auth.passwords import COSTS
from services.common.storage.migrate import migrate
from services.contracts.kafka import KafkaSettings
from stack.databases import create_database
from stack.keys import Keyring
from stack.liveness import http_probe
from stack.parts.postgres import Postgres
from stack.parts.process import HOST, Process, free_port
from stack.state import BrokerKind
from stack.topics import create_topics

WANTED: Final = 20
RATE: Final = at_least(WANTED, "logins/s")
USERS: Final = 200
PASSWORD: Final = "a long enough secret"  # noqa: S105 - nobody's
READS_PER_SECOND: Final = 50
SECONDS, SMALL_SECONDS = 20.0, 1.0
THREADS: Final = 2
_FILL = """
WITH made AS (
    INSERT INTO auth_users (id, email, email_key, email_verified)
    SELECT 'user-' || n, 'user-' || n || '@example.com', 'user-' || n || '@example.com', true
    FROM generate_series(1, %s) AS n RETURNING id
)
INSERT INTO credentials (user_id, password_hash) SELECT id, %s FROM made
"""


class Auth(NamedTuple):
    """The running service, and an administrator's token."""

    port: int
    token: str


def measure(options: Options) -> Iterator[Figure]:
    """Logins, and the other route alone and beside them, at one cost after the other."""
    seconds = SMALL_SECONDS if options.small else SECONDS
    for cost in COSTS:
        with _auth(cost) as auth:
            alone = uvloop.run(_reads(auth, seconds))
            logins, beside = uvloop.run(_both(auth, closed_loop(auth.port, _logins(), seconds=seconds), seconds))
            wanted = open_loop(auth.port, _logins(), seconds=seconds, rate=min(WANTED, 0.9 * logins.rate))
            _, beside_few = uvloop.run(_both(auth, wanted, seconds))
        yield Figure(f"logins, {cost}", logins.rate, "logins/s", RATE)
        yield Figure(f"login, p99, {cost}", logins.milliseconds(99), "ms")
        yield Figure(f"hashing alone, {cost}", _hashes(cost, seconds / 4), "hashes/s")
        yield Figure(f"another route, p99, beside as many logins as fit, {cost}", beside.milliseconds(99), "ms")
        yield Figure(f"another route, p99, beside at most {WANTED} logins/s, {cost}", beside_few.milliseconds(99), "ms")
        yield Figure(f"another route, p99, alone, {cost}", alone.milliseconds(99), "ms")


async def _both(auth: Auth, logins: Coroutine[None, None, Sample], seconds: float) -> tuple[Sample, Sample]:
    return await asyncio.gather(logins, _reads(auth, seconds))


async def _reads(auth: Auth, seconds: float) -> Sample:
    read = request("GET", "/v1/auth/users/user-1", token=auth.token)
    return await open_loop(auth.port, repeat(read), seconds=seconds, rate=READS_PER_SECOND)


def _logins() -> Iterator[bytes]:
    users = cycle(f"user-{number}@example.com" for number in range(1, USERS + 1))
    bodies = (orjson.dumps({"email": email, "password": PASSWORD}) for email in users)
    return (request("POST", "/v1/auth/sessions", body=body) for body in bodies)


def _hashes(cost: str, seconds: float) -> float:
    hasher = PasswordHasher.from_parameters(COSTS[cost])
    started_at, count = time.perf_counter(), 0
    with ThreadPoolExecutor(THREADS) as pool:
        while time.perf_counter() < started_at + seconds:
            count += len(list(pool.map(hasher.hash, [PASSWORD] * THREADS)))
    return count / (time.perf_counter() - started_at)


@contextmanager
def _auth(cost: str) -> Iterator[Auth]:
    with (
        tempfile.TemporaryDirectory(prefix="tanawari-login-") as name,
        Postgres(Path(name) / "postgres", password="benchmark") as postgres,  # noqa: S106 - a server of ours, for now
        started(BrokerKind.EMBEDDED, Path(name) / "broker") as broker,
    ):
        database = create_database(postgres.url(), "auth", "benchmark")
        migrate("auth", database)
        with psycopg.connect(database) as connection:
            connection.execute(_FILL, [USERS, PasswordHasher.from_parameters(COSTS[cost]).hash(PASSWORD)])
        asyncio.run(create_topics(KafkaSettings(kafka_url=broker.url)))
        keys = Keyring(Path(name) / "keys").ensure()
        port = free_port()
        server = (sys.executable, "-m", "services.common.web.server", "services.auth.app:create_app")
        environment = {
            **os.environ,
            "AUTH_DATABASE_URL": database,
            "AUTH_MAIL_FOLDER": str(Path(name) / "mails"),
            "AUTH_PASSWORD_COST": cost,
            "AUTH_HASHING_THREADS": str(THREADS),
            "KAFKA_URL": broker.url,
            "AUTH_ISSUER": keys.issuer,
            "AUTH_JWKS_URL": keys.published.as_uri(),
            "AUTH_SIGNING_KEY_FILE": str(keys.private("auth")),
        }
        is_ready = http_probe(f"http://{HOST}:{port}/health/ready", 1)
        command = [*server, "--port", str(port)]
        with Process("auth", command, Path(name) / "auth.log", environment=environment, is_ready=is_ready):
            yield Auth(port, keys.signer("auth").user_token("benchmark", roles=["admin"]))


if __name__ == "__main__":
    run("login", measure, __doc__)
