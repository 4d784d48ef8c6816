"""A deletion is complete once every service has reported it."""

import pytest
import pytest_asyncio

from services.common.messaging.producer import Producer
from services.contracts.envelope import Event
from services.contracts.events.identity import ERASING, UserDataErased
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
AT = "2026-11-26T09:00:00Z"


@pytest_asyncio.fixture(loop_scope="module")
async def report(settings):
    """Another service reports that it has erased a user; profile's own report is relayed to the same topic."""
    producer = Producer(settings)

    async def send(user_id, service):
        event = Event.of(
            "USER_DATA_ERASED", UserDataErased(user_id=user_id, service=service, erased_at=AT), producer=service
        )
        await producer.send("erasures.v1", user_id, event.to_bytes())

    yield send
    await producer.close()


@pytest.fixture
def erasure(calling):
    """What an operator sees of a deletion: (status, missing services, whether it is complete)."""

    async def read(user_id):
        async with calling("otto", roles=("operator",)) as operator:
            answer = await operator.get(f"/v1/erasures/{user_id}")
        told = answer.json()
        return (answer.status_code, told.get("missing"), told.get("completedAt") is not None)

    return read


async def test_a_deletion_is_complete_once_every_service_has_reported_it(registered, auth, report, erasure):
    await registered("gone")
    assert (await erasure("gone"))[0] == 404
    await auth.delete("gone")
    others = [each for each in ERASING if each != "profile"]
    await eventually(lambda: erasure("gone"), lambda found: found == (200, others, False))
    for service in others:
        await report("gone", service)
        await report("gone", service)
    await eventually(lambda: erasure("gone"), lambda found: found == (200, [], True))


async def test_incomplete_deletions_are_listed(registered, auth, report, calling):
    for user in ("half-1", "half-2", "whole"):
        await registered(user)
        await auth.delete(user)
        for service in ERASING if user == "whole" else ("auth",):
            await report(user, service)

    async def listed():
        async with calling("otto", roles=("operator",)) as operator:
            first = (await operator.get("/v1/erasures?limit=1")).json()
            second = (await operator.get(f"/v1/erasures?limit=1&cursor={first.get('nextCursor') or ''}")).json()
        return [(each["userId"], each["missing"]) for each in first["items"] + second.get("items", [])]

    missing = [each for each in ERASING if each not in ("auth", "profile")]
    await eventually(listed, lambda found: found == [("half-1", missing), ("half-2", missing)])


async def test_a_report_may_come_before_the_news_of_the_deletion(registered, auth, report, erasure):
    await registered("early")
    for service in ERASING:
        await report("early", service)
    await auth.delete("early")
    await eventually(lambda: erasure("early"), lambda found: found == (200, [], True))


async def test_who_was_deleted_is_for_operators(calling):
    async with calling("anna") as anna:
        assert (await anna.get("/v1/erasures")).status_code == 403
