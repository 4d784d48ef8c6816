import asyncio
import random
import shutil

import pytest

from stack.parts.broker import Broker
from stack.topics import create_topics


@pytest.fixture
def new_kafka(kafka):
    """Apache Kafka with a new log, and every topic in it empty."""
    kafka.kill()
    shutil.rmtree(kafka.home / "log")
    kafka.start()
    kafka.create_topics()
    return kafka


@pytest.fixture(params=["embedded", "apache"])
def fresh_broker(request, tmp_path):
    """Both brokers, one after the other, with every topic and nothing in them."""
    if request.param == "apache":
        yield request.getfixturevalue("new_kafka")
    else:
        with Broker(tmp_path / "broker") as embedded:
            asyncio.run(create_topics(embedded.url))
            yield embedded


@pytest.fixture
def moments():
    """Random numbers for the moments of faults; a test that fails shows their seed."""
    seed = random.randrange(2**32)
    print(f"the moments have the seed {seed}")  # noqa: T201 - pytest keeps it for a failure
    return random.Random(seed)
