"""A service killed around the work of a request with a key: a repetition makes it whole, and nothing happens twice."""

import os
import signal
import sys
import urllib.request
from functools import partial
from pathlib import Path

import httpx2
import psycopg
import pytest

from services.common.storage.database import Database
from stack.parts.process import HOST, Process, free_port
from tests.services.common.web.keyed_service import Settings, client_of, create_tables, keyed_app
from tests.waiting import eventually, wait_until

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[2]
SERVICE = Path(__file__).with_name("idempotent_service.py")
CLAIM_SECONDS = 1.0


class Service(Process):
    """The service, which dies at its kill point."""

    def __init__(self, database_url, environment, log, kill_point):
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        super().__init__(
            "idempotent-service",
            [sys.executable, str(SERVICE), database_url, str(port), kill_point],
            log,
            environment={**os.environ, **environment, "IDEMPOTENCY_CLAIM_SECONDS": str(CLAIM_SECONDS)},
            directory=ROOT,
            is_ready=lambda: urllib.request.urlopen(f"{self.url}/health/live", timeout=2).status == 200,
        )


@pytest.fixture
def keyed_url(database):
    create_tables(url := database("keyed"))
    return url


@pytest.fixture
def die(keyed_url, tokens, tmp_path):
    """Sends a request to a service that dies of it at a kill point."""
    headers = {"Authorization": f"Bearer {tokens.user('u1')}"}

    def die(kill_point, **request):
        dying = Service(keyed_url, tokens.environment, tmp_path / "service.log", kill_point)
        with dying, httpx2.Client(base_url=dying.url, headers=headers, timeout=60) as client:
            with pytest.raises(httpx2.TransportError):
                client.post(**request)
            assert wait_until(lambda: dying.exit_code) == -signal.SIGKILL

    return die


@pytest.fixture
async def survivor(keyed_url, tokens):
    """A client of another process of the service: this one."""
    settings = Settings(**tokens.settings)
    async with client_of(keyed_app(settings, Database(keyed_url)), tokens.user("u1")) as client:
        yield client


def request(path, number):
    return {"url": path, "json": {"name": str(number)}, "headers": {"Idempotency-Key": f"k{number}"}}


@pytest.mark.parametrize("path", ["/v1/effects", "/v1/charges"])
@pytest.mark.parametrize(("kill_point", "is_replayed"), [("claimed", False), ("worked", False), ("kept", True)])
async def test_a_service_killed_around_its_work_has_the_effect_of_a_key_once(
    die, survivor, keyed_url, rounds, path, kill_point, is_replayed
):
    deaths = rounds(3)  # the kill points are exact, and a process costs seconds
    for number in range(deaths):
        die(kill_point, **request(path, number))
    for number in range(deaths):
        repeat = partial(survivor.post, **request(path, number))
        answer = await eventually(repeat, lambda found: found.status_code != 409)
        assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, is_replayed)
    with psycopg.connect(keyed_url) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM effects")]
        attempts = {attempt for (attempt,) in connection.execute("SELECT attempt FROM idempotency")}
    assert len(set(names)) == len(names) == deaths
    assert attempts == {1 if is_replayed else 2}
