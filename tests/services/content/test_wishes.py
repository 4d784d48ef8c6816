"""Users without consent get everyone's shelves, and nobody gets a shelf that they have opted out of."""

import pytest
import pytest_asyncio

from services.common.messaging.producer import Producer
from services.contracts.envelope import DisplayType, Event
from services.contracts.events.identity import UserProfileUpdated
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def row(product_id, user_id, display_type="RECOMMENDED"):
    return {"displayType": display_type, "userId": user_id, "rank": 1, "productId": product_id}


@pytest_asyncio.fixture(loop_scope="module")
async def wishes(settings):
    """A user says in the profile what is wished."""
    producer = Producer(settings)

    async def tell(user_id, version, **wished):
        told = UserProfileUpdated(user_id=user_id, profile_version=version, **wished)
        event = Event.of("USER_PROFILE_UPDATED", told, producer="profile")
        await producer.send("profile.v1", user_id, event.to_bytes())

    yield tell
    await producer.close()


@pytest.fixture
async def shown(load, activate):
    rows = [row(701, None), row(702, "anna"), row(703, "ben"), row(704, None, "CONTINUE_SHOPPING")]
    await load("wished", *rows)
    await activate("wished", len(rows))


@pytest.mark.usefixtures("shown")
async def test_without_consent_a_user_gets_everyones_shelves_until_it_is_given_again(shelves, wishes):
    assert (await shelves("anna"))["RECOMMENDED"] == [702]
    await wishes("anna", 2, personalisation_consent=False)
    await eventually(lambda: shelves("anna"), lambda found: found["RECOMMENDED"] == [701])
    assert (await shelves("ben"))["RECOMMENDED"] == [703]
    await wishes("anna", 1)  # late
    await wishes("anna", 3)
    await eventually(lambda: shelves("anna"), lambda found: found["RECOMMENDED"] == [702])


@pytest.mark.usefixtures("shown")
async def test_a_shelf_that_a_user_opted_out_of_is_not_there(shelves, wishes):
    assert "CONTINUE_SHOPPING" in await shelves("ben")
    await wishes("ben", 2, opted_out_shelves=[DisplayType.CONTINUE_SHOPPING])
    await eventually(lambda: shelves("ben"), lambda found: "CONTINUE_SHOPPING" not in found)
    assert (await shelves("ben"))["RECOMMENDED"] == [703]
