"""Two Kafka nodes of which one freezes: what it leads, or has to copy, is slow or gone; the rest goes on as before."""

import asyncio
import os
import re
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.common.messaging.producer import SLOW_SECONDS, Producer, partition_of
from services.common.runtime.settings import ServiceSettings
from stack.parts.kafka import PROPERTIES, Kafka
from stack.parts.process import Process
from tests.conftest import in_thread
from tests.waiting import eventually

pytestmark = pytest.mark.faults
COPIED, HEALTHY, GONE = ("order.v1", 0), ("cart.v1", 0), ("cart.v1", 1)
REPLICAS = {"order.v1": {0: [1, 2]}, "cart.v1": {0: [1], 1: [2]}}
KEYS = {partition_of(str(number), 2): str(number) for number in range(20)}


class SecondNode(Kafka):
    """Joins the cluster of another."""

    def __init__(self, directory, first):
        super().__init__(directory, starts_fast=True)
        self._first = first

    def spawn(self):
        self.home.mkdir()
        listener = f"PLAINTEXT://{self.url}"
        voters = re.search("controller.quorum.voters=.*", (self._first.home / "server.properties").read_text())[0]
        cluster_id = re.search("cluster.id=(.*)", (self._first.home / "log" / "meta.properties").read_text())[1]
        own = {"process.roles": "broker", "node.id": "2", "log.dirs": str(self.home / "log")}
        own |= {"listeners": listener, "advertised.listeners": listener}
        lines = [f"{key}={value}" for key, value in {**PROPERTIES, **own}.items()]
        self._properties.write_text("\n".join([voters, *lines]))
        words = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._properties)]
        subprocess.run([*self._java, *words], check=True, capture_output=True)
        Process.spawn(self)


async def create_topics(url):
    admin = AIOKafkaAdminClient(bootstrap_servers=url)
    await admin.start()
    try:
        await eventually(admin.describe_cluster, lambda cluster: len(cluster["brokers"]) == 2)
        await admin.create_topics([NewTopic(name, -1, -1, replica_assignments=on) for name, on in REPLICAS.items()])
    finally:
        await admin.close()


@pytest.fixture(scope="module")
def cluster(kafka_server, tmp_path_factory):
    """Two nodes: the address of the `first`, and the process of the `second`."""
    del kafka_server  # it says where there is no Kafka to be had
    directory = tmp_path_factory.mktemp("cluster")
    with Kafka(directory / "first", starts_fast=True) as first, SecondNode(directory / "second", first) as second:
        in_thread(create_topics(first.url))
        yield SimpleNamespace(first=first.url, second=second.pid)


class Settings(ServiceSettings, env_prefix="SLOW_PARTITION_"):
    service: str = "slow-partition"


@pytest.fixture(params=[False, True], ids=["plain", "idempotent"])
async def producer(request, cluster):
    producer = Producer(Settings(kafka_url=cluster.first, kafka_idempotence=request.param))
    yield producer
    await producer.close()


async def send(producer, place):
    """Whether a message to a partition is acknowledged, and how long it took to know."""
    topic, partition = place
    started = time.monotonic()
    (failure,) = await producer.send_many(topic, [(KEYS[partition], b"{}")])
    return failure is None, time.monotonic() - started


async def send_on(producer, place, sent):
    """Send until cancelled, and write down how it went."""
    while True:
        sent.append(await send(producer, place))
        await asyncio.sleep(0.01)  # what fails at once is not tried without a pause


async def until_all_are_well(producer):
    for place in (COPIED, HEALTHY, GONE):
        await eventually(lambda place=place: send(producer, place), lambda sent: sent[0])


async def test_a_partition_that_is_slow_or_has_no_leader_harms_only_itself(cluster, producer):
    await until_all_are_well(producer)
    sent = {place: [] for place in (COPIED, HEALTHY, GONE)}

    async def time_outs():
        return sum(seconds > SLOW_SECONDS for _, seconds in sent[GONE])

    os.kill(cluster.second, signal.SIGSTOP)
    try:
        async with asyncio.TaskGroup() as group:
            sending = [group.create_task(send_on(producer, place, sent[place])) for place in sent for _ in range(5)]
            await eventually(time_outs, lambda count: count >= 10)  # given up, and tried again
            for task in sending:
                task.cancel()
    finally:
        os.kill(cluster.second, signal.SIGCONT)
    assert not all(is_acknowledged for is_acknowledged, _ in sent[GONE])
    assert all(is_acknowledged for is_acknowledged, _ in sent[HEALTHY])
    await until_all_are_well(producer)
