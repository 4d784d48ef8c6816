import asyncio

import pytest

from tests.serving.conftest import put_bundle

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_while_bundles_are_swapped_no_request_fails(app, client, bundles):
    statuses = []

    async def ask():
        while app.state.recommender.models.current.version != "b4":
            answer = await client.get("/v1/users/anon:1/recommendations")
            statuses.append((answer.status_code, len(answer.json()["items"])))
            await asyncio.sleep(0)

    async def swap():
        for number in (2, 3, 4):
            put_bundle(bundles, f"b{number}", previous=f"b{number - 1}")
            while app.state.recommender.models.current.version != f"b{number}":  # noqa: ASYNC110 - no event for it
                await asyncio.sleep(0.01)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(ask())
        group.create_task(swap())

    assert set(statuses) == {(200, 6)}


async def test_models_tell_what_answers(client, as_service):
    told = (await client.get("/v1/models", headers=as_service)).json()

    assert told["serving"]["bundle"] == told["champion"]
    assert told["serving"]["metrics"] == {"all": 0.4}
    assert told["refused"] is None
    assert told["live"]["hasCaughtUp"] is True
