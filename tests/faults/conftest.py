import random
import shutil

import pytest


@pytest.fixture
def new_kafka(kafka_server):
    """Apache Kafka with a new log, and every topic in it empty."""
    kafka_server.kill()
    shutil.rmtree(kafka_server.home / "log")
    kafka_server.start()
    kafka_server.create_topics()
    return kafka_server


@pytest.fixture
def moments():
    """Random numbers for the moments of faults; a test that fails shows their seed."""
    seed = random.randrange(2**32)
    print(f"the moments have the seed {seed}")  # noqa: T201 - pytest keeps it for a failure
    return random.Random(seed)
