"""Apache Kafka as a part: what is missing is said, and its log outlives kill -9."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.contracts.topics import TOPICS
from stack.parts.jars import java_build
from stack.parts.kafka import JARS, class_archive
from stack.parts.process import PartError

ACTIONS = "user-actions.v1"


async def test_after_kill_9_what_was_acknowledged_is_there_and_the_topics_are(kafka):
    kafka.create_topics(ACTIONS)
    async with AIOKafkaProducer(bootstrap_servers=kafka.url, acks="all", enable_idempotence=True) as producer:
        sent = await producer.send_and_wait(ACTIONS, b"kept", key=b"1")
    kafka.kill()
    kafka.start()
    async with AIOKafkaConsumer(ACTIONS, bootstrap_servers=kafka.url, auto_offset_reset="earliest") as consumer:
        found = await consumer.getone()
        partitions = consumer.partitions_for_topic(ACTIONS)
    assert (found.value, found.partition, found.offset) == (b"kept", sent.partition, sent.offset)
    assert len(partitions) == TOPICS[ACTIONS].partitions
    assert kafka.create_topics(ACTIONS) == []


def test_it_takes_its_classes_from_the_archive(kafka):
    assert str(class_archive()) in Path(f"/proc/{kafka.pid}/maps").read_text()


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """A machine with nothing on its PATH, and nothing fetched before."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    java_build.cache_clear()
    yield tmp_path
    java_build.cache_clear()


def program(folder, name, says="", code=0):
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
    file.chmod(0o755)


@pytest.mark.usefixtures("bare_machine")
def test_without_java_the_remedy_is_named():
    with pytest.raises(PartError, match=r"needs Java 17 or newer: install it"):
        JARS.class_path()


def test_an_old_java_is_refused_by_its_version(bare_machine):
    program(bare_machine, "java", 'openjdk version "11.0.2" 2019-01-15')
    with pytest.raises(PartError, match="found 11"):
        JARS.class_path()


def test_without_maven_the_remedy_is_named(bare_machine):
    program(bare_machine, "java", 'openjdk version "21" 2023-09-19')
    with pytest.raises(PartError, match=r"install it \(apt-get install maven\)"):
        JARS.class_path()


def test_jars_that_cannot_be_had_are_told_in_one_line_and_leave_nothing_behind(bare_machine):
    program(bare_machine, "java", 'openjdk version "17.0.1" 2021-10-19')
    program(bare_machine, "mvn", "[ERROR] no route to the repository", code=1)
    with pytest.raises(PartError, match=r"could not download Apache Kafka's jars: \[ERROR\] no route"):
        JARS.class_path()
    assert list((bare_machine / "cache" / "tanawari").iterdir()) == []


def test_what_cannot_make_an_archive_of_classes_starts_without(bare_machine):
    program(bare_machine, "java", 'openjdk version "17.0.1" 2021-10-19', code=1)
    program(bare_machine, "mvn")
    assert not class_archive().exists()
    jars = Path(JARS.class_path()).parent
    assert set(jars.parent.iterdir()) == {jars, class_archive().with_suffix(".lock")}
