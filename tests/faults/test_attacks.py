"""One hostile client before the gateway and before a service: others are answered, and what it can hold is bounded."""

import asyncio
import time
from contextlib import ExitStack

import httpx2
import psutil
import pytest

from benchmarks.attackers import ATTACKS, under_way
from benchmarks.measure import peak_resident_mb
from services.common.storage.migrate import migrate
from stack.parts.process import HOST, free_port
from tests.service_process import ServiceProcess

pytestmark = pytest.mark.faults
HEAD_SECONDS = 2
MEMORY_MB = 100
SERVERS = ("gateway", "catalog")
MOST = 600
"""Connections at a moment: those of the address and, for half a second, those that are to make room."""


@pytest.fixture(scope="module")
def servers(database, tokens, tmp_path_factory):
    """The gateway and the catalog behind it, on a real database; the broker is away."""
    ports = {name: free_port() for name in SERVERS}
    environment = {
        **tokens.environment_of("gateway"),
        "CATALOG_DATABASE_URL": database("catalog"),
        "CATALOG_URL": f"http://{HOST}:{ports['catalog']}",
        "KAFKA_URL": f"{HOST}:1",
        "GATEWAY_ADDRESS_REQUESTS_PER_MINUTE": "1000000",
        "SERVER_HEAD_SECONDS": str(HEAD_SECONDS),
    }
    migrate("catalog", environment["CATALOG_DATABASE_URL"])
    directory = tmp_path_factory.mktemp("attacks")
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(ServiceProcess(name, environment, directory / f"{name}.log", port=ports[name]))
            for name in SERVERS
        }


def statuses_of_others(server, seconds):
    """What a shopper of the same address sees meanwhile, who asks on a new connection each time."""
    seen, end = set(), time.monotonic() + seconds
    limits = httpx2.Limits(max_keepalive_connections=0)
    with httpx2.Client(base_url=server.url, limits=limits, timeout=5) as client:
        while time.monotonic() < end:
            seen.add(client.get("/v1/products").status_code)
    return seen


def connections(server):
    """How many connections a server holds."""
    return sum(each.laddr.port == server.port for each in psutil.Process(server.pid).net_connections("tcp")) - 1


@pytest.mark.parametrize("attacked", SERVERS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_others_are_answered_and_the_worker_lives_in_bounds(servers, attack, attacked, rounds):
    server = servers[attacked]
    pids = {name: each.pid for name, each in servers.items()}
    before = peak_resident_mb(server.pid)
    with under_way(attack, server.port):
        assert statuses_of_others(server, rounds(15, 3)) == {200}
        assert connections(server) <= MOST
    assert {name: each.pid for name, each in servers.items()} == pids
    assert peak_resident_mb(server.pid) - before < MEMORY_MB


@pytest.mark.parametrize("attacked", SERVERS)
async def test_idle_and_slow_connections_are_closed(servers, attacked):
    server = servers[attacked]
    opened = [await asyncio.open_connection(HOST, server.port) for _ in range(100)]
    for _, writer in opened[50:]:
        writer.write(b"GET / HT")
    last_words = await asyncio.gather(*(reader.read() for reader, _ in opened))
    assert [words[:12] for words in last_words] == [b""] * 50 + [b"HTTP/1.1 408"] * 50
    for _, writer in opened:
        writer.close()
