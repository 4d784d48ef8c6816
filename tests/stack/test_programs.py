"""A service is added by the table of programs alone."""

import asyncio
import subprocess
import sys
import urllib.request
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.common.messaging.consumer import Consumer
from services.contracts.vault import ensure_keys
from stack.environment import Environment
from stack.files import read_json
from stack.program import Program
from stack.programs import PROGRAMS, program_ports
from stack.state import State
from tests.applications import HAVE_DATABASE, application
from tests.waiting import wait_until
from warehouse.broker import cluster_id

GREETER = Program(
    "greeter",
    (sys.executable, "-m", "tests.stack.greeter", "serve", "{port}"),
    reads=("GREETER_DATABASE_URL",),
    probe="/",
    alive="/",
    database="greeter",
    migration=("tests.stack.greeter", "migrate"),
    has_outbox=True,
    consumes={"greeter.actions": "user-actions.v1"},
    has_url=True,
)
TABLE = (*PROGRAMS, GREETER)
STACK = """
import logging, sys
from pathlib import Path
from stack.state import State
from stack.supervisor import supervise
from tests.stack.test_programs import GREETER

logging.basicConfig(level=logging.INFO)
sys.exit(supervise(State(Path(sys.argv[1])), None, [GREETER]))
"""


@pytest.fixture
def stack(tmp_path):
    """A stack of nothing but the greeter and the servers: its process and its state."""
    state = State(tmp_path / "state")
    with state.log("supervisor").open("wb") as log:
        command = [sys.executable, "-c", STACK, str(state.directory)]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=log, stderr=log)
    try:
        wait_until(lambda: state.status()["phase"] == "running" or process.poll() is not None)
        assert process.poll() is None, state.log("supervisor").read_text()
        yield process, state
    finally:
        process.kill()
        process.wait()


async def send_one_action(settings):
    async with AIOKafkaProducer(**settings.client_arguments()) as producer:
        await producer.send_and_wait("user-actions.v1", b"{}", partition=0)


async def commit_it(settings, consumer):
    group = f"{consumer}.{await cluster_id(settings)}"
    async with AIOKafkaConsumer(**settings.client_arguments(), group_id=group, enable_auto_commit=False) as reader:
        reader.assign([TopicPartition("user-actions.v1", 0)])
        await reader.commit({TopicPartition("user-actions.v1", 0): 1})


def test_a_service_in_the_table_is_prepared_started_probed_found_and_drained(stack):
    process, state = stack
    environment = Environment(state, read_json(state.path("ports.json"))["chosen"], programs=TABLE)
    shown = state.status()["processes"]["greeter"]
    assert (shown["state"], shown["address"]) == ("ready", environment.variables["GREETER_URL"])
    with urllib.request.urlopen(shown["address"]) as answer:
        assert answer.read() == b"hello, 0 in the outbox"

    with psycopg.connect(environment.variables["GREETER_DATABASE_URL"], autocommit=True) as database:
        database.execute("insert into outbox values (1)")
        asyncio.run(send_one_action(environment.kafka))
        process.terminate()
        wait_until(lambda: "1 events in the outbox of greeter;" in state.log("supervisor").read_text())
        assert "1 messages before greeter.actions" in state.log("supervisor").read_text()
        database.execute("update outbox set published_at = now()")
        for consumer in ("greeter.actions", "analytics.consumer", "catalog.reviews"):
            asyncio.run(commit_it(environment.kafka, consumer))
    assert process.wait(60) == 0


def test_what_services_consume_is_in_the_table(monkeypatch, tmp_path):
    consumed, keys = {}, tmp_path / "payment-keys.json"
    ensure_keys(keys)
    construct = Consumer.__init__

    def noted(consumer, settings, *, topics, **options):
        construct(consumer, settings, topics=topics, **options)
        (consumed[consumer._group],) = topics

    monkeypatch.setattr(Consumer, "__init__", noted)
    for name in HAVE_DATABASE - {"auth"}:  # which signs, and consumes nothing
        application(name, keys_file=keys)
    assert consumed == {group: topic for program in PROGRAMS for group, topic in program.consumes.items()}


def test_a_service_is_given_its_own_database_and_no_other_learns_of_it(state):
    environment = Environment(state, dict.fromkeys(program_ports(TABLE), 1), {}, TABLE)
    told = {program.name for program in environment.programs if "GREETER_DATABASE_URL" in environment.of(program)}
    assert told == {"greeter"}
