"""The shop always shows one whole generation: uploads that break off, a service killed, activations that race."""

import json
import os
import socket
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest

from services.common.migrate import migrate
from stack.parts.process import HOST, Process, free_port

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[2]
SHELVES = ("CONTINUE_SHOPPING", "REPURCHASE", "RECOMMENDED", "RECOMMENDED_CATEGORY")
RANKS = 12
ROWS = len(SHELVES) * RANKS


class Content(Process):
    """The content service as a process, on a port that it keeps when it is started again."""

    def __init__(self, environment, log):
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        command = [sys.executable, "-m", "uvicorn", "--factory", "services.content.app:create_app", "--port", str(port)]
        super().__init__("content", command, log, environment=environment, directory=ROOT, is_ready=self._answers)

    def _answers(self):
        return urllib.request.urlopen(f"{self.url}/health/live").status == 200


@pytest.fixture
def database_url(database):
    url = database("content")
    migrate("content", url)
    return url


@pytest.fixture
def service(database_url, broker, signing_keys, tmp_path):
    broker.create_topics("catalog.v1", "content.v1", "dead-letters.v1")
    environment = {"CONTENT_DATABASE_URL": database_url, "KAFKA_URL": broker.url, **signing_keys.environment}
    with Content({**os.environ, **environment}, tmp_path / "content.log") as process:
        yield process


@pytest.fixture
def client(service, signing_keys):
    headers = {"Authorization": f"Bearer {signing_keys.token('pipelines', use='service')}"}
    with httpx2.Client(base_url=service.url, headers=headers, timeout=60) as client:
        yield client


def body(number):
    """Generation `number`: every product id tells to which generation it belongs."""
    rows = (
        {"displayType": shelf, "rank": rank, "productId": number * 1_000 + place * RANKS + rank}
        for place, shelf in enumerate(SHELVES)
        for rank in range(1, RANKS + 1)
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def load(client, number):
    client.post("/v1/generations", json={"generation": f"g{number}", "bundle": "b"}).raise_for_status()
    client.put(f"/v1/generations/g{number}/rows", content=body(number)).raise_for_status()


def activate(client, number):
    return client.post(f"/v1/generations/g{number}/activate", json={"rows": ROWS})


def shown(client):
    """The number of the generation that is shown, having seen that it is whole and unmixed."""
    answer = client.get("/v1/displays").raise_for_status().json()
    products = [item["productId"] for shelf in answer["shelves"] for item in shelf["items"]]
    number = products[0] // 1_000
    assert answer["generation"] == f"g{number}"
    assert len(products) == ROWS
    assert {product // 1_000 for product in products} == {number}
    return number


def begin_upload(client, number):
    """Send the first half of an upload that announces more, and give the open connection."""
    client.post("/v1/generations", json={"generation": f"g{number}", "bundle": "b"}).raise_for_status()
    address, rows = urlsplit(str(client.base_url)), body(number)
    connection = socket.create_connection((address.hostname, address.port))
    head = (
        f"PUT /v1/generations/g{number}/rows HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(rows)}\r\n"
        f"Content-Type: application/x-ndjson\r\nAuthorization: {client.headers['Authorization']}\r\n\r\n"
    )
    connection.sendall(head.encode() + rows[: len(rows) // 2])
    return connection


def wait_for_copies(database_url, count):
    """Until so many uploads are being copied in the database."""
    query = "SELECT count(*) FROM pg_stat_progress_copy"
    deadline = time.monotonic() + 30
    with psycopg.connect(database_url, autocommit=True) as connection:
        while connection.execute(query).fetchone() != (count,):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def draft_tables(database_url):
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT relname FROM pg_class WHERE relname LIKE '%\\_g2%'").fetchall()


@pytest.mark.parametrize("who", ["client", "service"])
def test_an_upload_that_breaks_off_leaves_nothing_and_can_be_repeated(who, service, client, database_url):
    load(client, 1)
    activate(client, 1).raise_for_status()
    with begin_upload(client, 2):
        wait_for_copies(database_url, 1)
        load(client, 3)  # neither readers nor other uploads wait for this one
        assert shown(client) == 1
        if who == "service":
            service.kill()
    if who == "service":
        service.start()
    wait_for_copies(database_url, 0)
    assert draft_tables(database_url) == []
    assert activate(client, 2).status_code == 409
    assert shown(client) == 1
    load(client, 2)
    activate(client, 2).raise_for_status()
    assert shown(client) == 2


def test_concurrent_activations_and_rollbacks_always_show_one_whole_generation(client):
    for number in (1, 2, 3):
        load(client, number)
    activate(client, 1).raise_for_status()

    def switch(step):
        if step % 5 == 4:
            return client.post("/v1/generations/rollback").status_code
        return activate(client, 1 + step % 3).status_code

    def read(until):
        seen = set()
        while not until.is_set():
            seen.add(shown(client))
        return seen

    switched = Event()
    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read, switched) for _ in range(4)]
        try:
            statuses = set(pool.map(switch, range(20)))
        finally:
            switched.set()
    seen = set().union(*(reader.result() for reader in readers))
    assert statuses <= {200, 409}
    assert 200 in statuses
    assert len(seen) > 1  # they read while the generations changed
    assert seen <= {1, 2, 3}


def test_an_activation_survives_the_death_of_the_service_with_its_event(service, client, database_url):
    load(client, 1)
    activate(client, 1).raise_for_status()
    service.kill()
    service.start()
    assert shown(client) == 1
    activate(client, 1).raise_for_status()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM outbox WHERE key = 'g1'").fetchone() == (1,)
