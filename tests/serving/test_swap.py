import asyncio

import numpy as np
import pytest

from tests.ml.tiny_bundle import MILK, content
from tests.serving.conftest import put_bundle
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def put_numbered(bundles, number):
    """A bundle whose every score tells its number."""
    popularity = content().popularity
    put_bundle(bundles, f"b{number}", previous=f"b{number - 1}", popularity=popularity * np.float32(number))


async def test_while_bundles_are_swapped_no_request_fails_and_each_answer_is_of_one_bundle(app, client, bundles):
    popularity = dict(zip(range(MILK, MILK + 8), content().popularity.tolist(), strict=True))
    statuses, numbers = set(), []

    async def ask():
        while app.state.recommender.models.current.version != "b4":
            answer = await client.get("/v1/users/newcomer/recommendations")
            found = answer.json()
            statuses.add((answer.status_code, len(found["items"])))
            scores = {item["score"] / popularity[item["productId"]] for item in found["items"]}
            numbers.append(({int(found["modelVersion"][1:])}, {int(found["generation"][3:])}, scores))
            await asyncio.sleep(0)

    async def swap():
        for number in (2, 3, 4):
            put_numbered(bundles, number)
            await eventually(lambda: app.state.recommender.models.current.version, f"b{number}".__eq__)

    async with asyncio.TaskGroup() as group:
        group.create_task(ask())
        group.create_task(swap())

    assert statuses == {(200, 6)}
    assert all(version == generation == scores for version, generation, scores in numbers)
    assert len({min(version) for version, _, _ in numbers}) > 1


async def test_models_tell_what_answers(client, as_staff):
    told = (await client.get("/v1/models", headers=as_staff)).json()

    assert told["serving"]["bundle"] == told["champion"]
    assert told["serving"]["metrics"] == {"all": 0.4}
    assert told["refused"] is None
    assert told["live"]["hasCaughtUp"] is True
