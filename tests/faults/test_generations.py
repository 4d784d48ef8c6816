"""The shop always shows one whole generation: uploads that break off, a service killed, activations that race."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest

from services.common.storage.migrate import migrate
from tests.service_process import ServiceProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.faults
SHELVES = ("CONTINUE_SHOPPING", "REPURCHASE", "RECOMMENDED", "RECOMMENDED_CATEGORY")
RANKS = 12
SHOWN = len(SHELVES) * RANKS
USERS = [None, *map(str, range(400))]
"""So many that a 21st part of their rows is more than the guard waits for."""
ROWS = len(USERS) * SHOWN


@pytest.fixture
def database_url(database):
    url = database("content")
    migrate("content", url)
    return url


@pytest.fixture
def service(database_url, broker, tokens, tmp_path):
    broker.create_topics("catalog.v1", "content.v1", "dead-letters.v1")
    environment = {"CONTENT_DATABASE_URL": database_url, "KAFKA_URL": broker.url, **tokens.environment}
    with ServiceProcess("content", environment, tmp_path / "content.log") as process:
        yield process


@pytest.fixture
def client(service, tokens):
    with httpx2.Client(base_url=service.url, auth=tokens.as_service("pipelines", "content"), timeout=60) as client:
        yield client


def body(number):
    """Generation `number`: every product id tells to which generation it belongs."""
    rows = (
        {"displayType": shelf, "rank": rank, "userId": user, "productId": number * 1_000 + place * RANKS + rank}
        for user in USERS
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
    assert len(products) == SHOWN
    assert {product // 1_000 for product in products} == {number}
    return number


def authorization(client):
    """What the client's requests carry."""
    return next(client.auth.sync_auth_flow(client.build_request("GET", "/"))).headers["authorization"]


def begin_upload(client, number, part):
    """Send a part (0 to 1) of an upload that announces the whole, and give the open connection."""
    client.post("/v1/generations", json={"generation": f"g{number}", "bundle": "b"}).raise_for_status()
    address, rows = urlsplit(str(client.base_url)), body(number)
    connection = socket.create_connection((address.hostname, address.port))
    head = (
        f"PUT /v1/generations/g{number}/rows HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(rows)}\r\n"
        f"Content-Type: application/x-ndjson\r\nAuthorization: {authorization(client)}\r\n\r\n"
    )
    connection.sendall(head.encode() + rows[: int(len(rows) * part)])
    return connection


def wait_for_copies(database_url, count):
    """Until so many uploads are being copied in the database."""
    query = "SELECT count(*) FROM pg_stat_progress_copy"
    with psycopg.connect(database_url, autocommit=True) as connection:
        wait_until(lambda: connection.execute(query).fetchone(), lambda row: row == (count,))


def draft_tables(database_url, number):
    with psycopg.connect(database_url) as connection:
        query = f"SELECT relname FROM pg_class WHERE relname LIKE '%\\_g{number}%'"
        return connection.execute(query).fetchall()


def told(database_url):
    """How often generations were switched, as their events tell."""
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT count(*) FROM outbox").fetchone()[0]


@contextmanager
def reading(client, readers=4):
    """Read all the time; afterwards the list given holds every generation that was seen, each of them whole."""
    seen, is_over = [], Event()

    def read():
        while not is_over.is_set():
            seen.append(shown(client))

    with ThreadPoolExecutor(readers) as pool:
        running = [pool.submit(read) for _ in range(readers)]
        try:
            yield seen
        finally:
            is_over.set()
        for reader in running:
            reader.result()


@pytest.mark.parametrize("who", ["client", "service"])
def test_an_upload_that_breaks_off_leaves_nothing_and_can_be_repeated(who, service, client, database_url, rounds):
    load(client, 1)
    activate(client, 1).raise_for_status()
    points = rounds(20)
    for number in range(2, points + 2):
        with begin_upload(client, number, part=(number - 1) / (points + 1)):
            wait_for_copies(database_url, 1)
            assert shown(client) == number - 1  # readers do not wait for this one
            if who == "service":
                service.kill()
        if who == "service":
            service.start()
        wait_for_copies(database_url, 0)
        assert draft_tables(database_url, number) == []
        assert activate(client, number).status_code == 409
        assert shown(client) == number - 1
        load(client, number)
        activate(client, number).raise_for_status()
        assert shown(client) == number


def test_uploads_do_not_wait_for_one_that_hangs(client, database_url):
    with begin_upload(client, 2, part=0.5):
        wait_for_copies(database_url, 1)
        load(client, 3)
        activate(client, 3).raise_for_status()
        assert shown(client) == 3


def test_twenty_activations_at_once_always_show_one_whole_generation(client, rounds):
    for number in (1, 2, 3):
        load(client, number)
    activate(client, 1).raise_for_status()
    with reading(client) as seen, ThreadPoolExecutor(20) as pool:
        for _ in range(rounds(5)):
            at_once = Barrier(20)

            def switch(step, at_once=at_once):
                at_once.wait()
                return activate(client, 1 + step % 3).status_code

            assert set(pool.map(switch, range(20))) == {200}
    assert set(seen) <= {1, 2, 3}
    assert len(set(seen)) > 1  # they read while the generations changed


def test_readers_see_one_whole_generation_while_it_is_rolled_back(client, rounds):
    for number in (1, 2):
        load(client, number)
    activate(client, 1).raise_for_status()
    with reading(client) as seen:
        for _ in range(rounds(20, 3)):
            activate(client, 2).raise_for_status()
            client.post("/v1/generations/rollback").raise_for_status()
            assert shown(client) == 1
    assert set(seen) == {1, 2}


def test_an_activation_cut_off_by_the_death_of_the_service_happened_with_its_event_or_not_at_all(
    service, client, database_url, rounds, moments
):
    for number in (1, 2):
        load(client, number)
    activate(client, 1).raise_for_status()
    switched = 1
    for _ in range(rounds(20)):
        before = shown(client)
        with ThreadPoolExecutor(1) as pool:
            cut_off = pool.submit(activate, client, 3 - before)
            time.sleep(moments.uniform(0, 0.05))  # the moment of its death is what is tried
            service.kill()
            service.start()
            assert cut_off.exception() or cut_off.result().status_code == 200
        switched += shown(client) != before
        assert told(database_url) == switched
