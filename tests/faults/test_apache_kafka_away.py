"""A shop on its own Apache Kafka: the broker dies by SIGKILL, comes back with its log, and nothing is lost."""

import pytest

from stack.environment import Environment
from stack.parts.kafka import JARS
from stack.state import BrokerKind, State
from stack.topics import create_topics
from tests.faults.supervised_shop import SupervisedShop
from tests.machine import require
from tests.waiting import wait_until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    if reason := JARS.missing():
        require(reason)
    directory = tmp_path_factory.mktemp("apache") / "state"
    State(directory).choose_broker(BrokerKind.APACHE)
    with SupervisedShop(directory) as shop:
        yield shop


async def test_what_was_sent_before_and_after_the_broker_died_lands(shop):
    before = shop.view(1, 2, 3)
    assert shop.send(before).status_code == 202
    with shop.without("broker"):
        assert shop.top_page().status_code == 200
        assert shop.send(shop.view(1)).status_code == 503
    wait_until(shop.is_complete)
    after = shop.view(4, 5, 6)
    wait_until(lambda: shop.send(after).status_code, lambda status: status == 202)
    shop.wait_until_landed(before + after)
    assert await create_topics(Environment.running(shop.state).kafka) == []
