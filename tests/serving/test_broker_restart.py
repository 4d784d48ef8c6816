"""The broker stops and comes back, empty or as it was: answers go on, say so, and follow again by themselves."""

import pytest

from tests.ml.tiny_bundle import RICE, TEA
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def broker(any_broker):
    return any_broker


@pytest.fixture(scope="module")
def bundles(any_broker, tmp_path_factory):
    """Of each broker's own service."""
    del any_broker
    return tmp_path_factory.mktemp("bundles")


async def test_without_the_broker_answers_are_degraded_and_recover_by_themselves(client, broker, happens):
    async def page():
        answer = await client.get("/v1/users/newcomer/recommendations?shelf=CONTINUE_SHOPPING")
        assert answer.status_code == 200
        return answer.json()

    await happens("PRODUCT_VIEWED", user_id="newcomer", product_id=RICE)
    await eventually(page, lambda found: len(found["items"]) == 1)

    broker.stop()
    paused = await eventually(page, lambda found: "LIVE_PAUSED" in found["warnings"])
    assert paused["degraded"]
    assert len(paused["items"]) == 1

    broker.start()
    broker.create_topics()
    await eventually(page, lambda found: not found["degraded"])
    await eventually(lambda: happens_again(happens))

    found = await eventually(page, lambda found: len(found["items"]) == 2)
    assert [item["productId"] for item in found["items"]] == [TEA, RICE]


async def happens_again(happens):
    try:
        await happens("PRODUCT_VIEWED", user_id="newcomer", product_id=TEA)
    except ConnectionError:
        return False
    return True
