"""auth killed between the steps of a registration: it is whole or not there, and its user can go on."""

import json
import os
import signal
import sys
import urllib.request
from pathlib import Path

import httpx2
import psycopg
import pytest

from services.common.storage.migrate import migrate
from stack.parts.process import HOST, Process, free_port
from tests.services.auth.mails import SHOP, Mails
from tests.waiting import wait_until

pytestmark = pytest.mark.faults
PROCESS = Path(__file__).with_name("auth_process.py")
PASSWORD = "a long enough secret"


@pytest.fixture
def database_url(database):
    url = database("auth")
    migrate("auth", url)
    return url


@pytest.fixture
def start(broker, tokens, database_url, tmp_path):
    """Starts auth on its port, with a kill point or without one."""
    broker.create_topics("auth.v1", "user-actions.v1")
    port, running = free_port(), []
    variables = {
        **os.environ,
        **tokens.environment_of("auth"),
        "AUTH_DATABASE_URL": database_url,
        "AUTH_MAIL_FOLDER": str(tmp_path / "mails"),
        "AUTH_STOREFRONT_URL": SHOP,
        "KAFKA_URL": broker.url,
    }

    def begin(kill_point="none"):
        url = f"http://{HOST}:{port}"
        process = Process(
            "auth",
            [sys.executable, str(PROCESS), str(port), kill_point],
            tmp_path / "auth.log",
            environment=variables,
            is_ready=lambda: urllib.request.urlopen(f"{url}/health/live").status == 200,
        )
        running.append(process)
        process.start()
        return process, httpx2.Client(base_url=f"{url}/v1/auth", timeout=30)

    yield begin
    for process in running:
        process.stop()


@pytest.mark.parametrize("kill_point", ["asked", "issued", "sent", "confirming", "confirmed"])
async def test_a_registration_that_was_killed_is_whole_or_not_there(start, tmp_path, database_url, rounds, kill_point):
    for number in range(rounds(4)):
        address = f"user-{number}@example.com"
        mails = Mails(tmp_path / "mails")
        dying, client = start(kill_point)
        with client:
            accepted = ask(client, "/registrations", email=address, password=PASSWORD)
            if kill_point.startswith("confirm"):
                code = await mails.code(address)
                ask(client, "/registrations/confirm", email=address, code=code)
        assert wait_until(lambda: dying.exit_code, lambda code: code is not None) == -signal.SIGKILL  # noqa: B023
        living, client = start()
        with client:
            if accepted is None and not mails.all(address):  # it died of a mail of the round before
                ask(client, "/registrations", email=address, password=PASSWORD)
            code = await mails.code(address, count=len(mails.all(address)) or 1)
            confirmed = ask(client, "/registrations/confirm", email=address, code=code)
            assert confirmed.status_code == (422 if kill_point == "confirmed" else 204)
            answer = ask(client, "/sessions", email=address, password=PASSWORD)
            assert answer.status_code == 201
        living.stop()
        assert told(database_url, answer.json()["userId"]).count("USER_REGISTERED") == 1


def ask(client, path, **body):
    """The answer; None of a service that is killed before it gives one."""
    try:
        return client.post(path, json=body)
    except httpx2.TransportError:
        return None


def told(database_url, user_id):
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT value FROM outbox WHERE key = %s", [user_id]).fetchall()
    return [json.loads(value)["eventType"] for (value,) in rows]
