"""Users without consent get everyone's shelves, and nobody gets a shelf that they have opted out of."""

import psycopg
import pytest
import pytest_asyncio

from services.common.messaging.producer import Producer
from services.contracts.envelope import DisplayType, Event
from services.contracts.events.identity import UserDeleted, UserProfileUpdated
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def row(product_id, user_id, display_type="RECOMMENDED"):
    return {"displayType": display_type, "userId": user_id, "rank": 1, "productId": product_id}


@pytest_asyncio.fixture(loop_scope="module")
async def wishes(send):
    """A user says in the profile what is wished."""

    async def tell(user_id, version, **wished):
        told = UserProfileUpdated(user_id=user_id, profile_version=version, **wished)
        return await send("profile.v1", "USER_PROFILE_UPDATED", told)

    return tell


@pytest_asyncio.fixture(loop_scope="module")
async def send(settings):
    """To publish an event about a user; gives its id."""
    producer = Producer(settings)

    async def publish(topic, event_type, told):
        event = Event.of(event_type, told, producer="test")
        await producer.send(topic, told.user_id, event.to_bytes())
        return event.event_id

    yield publish
    await producer.close()


@pytest.fixture
def found(database_url):
    """The rows of a query."""

    def rows(query, *values):
        with psycopg.connect(database_url) as connection:
            return connection.execute(query, values).fetchall()

    return rows


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


@pytest.mark.usefixtures("client")
async def test_a_wish_that_arrives_after_the_deletion_is_not_kept(wishes, send, found, events):
    await wishes("gone", 2, personalisation_consent=False)
    await eventually(lambda: found("SELECT 1 FROM wishes WHERE user_id = 'gone'"))
    await send("auth.v1", "USER_DELETED", UserDeleted(user_id="gone"))
    await eventually(lambda: [kind for kind, _ in events("gone")] == ["USER_DATA_ERASED"])
    late = await wishes("gone", 3)
    await eventually(lambda: found("SELECT 1 FROM inbox WHERE event_id = %s", late))
    assert found("SELECT 1 FROM wishes WHERE user_id = 'gone'") == []


@pytest.mark.usefixtures("shown")
async def test_the_export_has_what_is_kept_of_a_user(client, tokens, wishes, found):
    await wishes("carl", 2, opted_out_shelves=[DisplayType.SALE])
    await eventually(lambda: found("SELECT 1 FROM wishes WHERE user_id = 'carl'"))
    as_profile = tokens.header(tokens.service("profile", "content"))
    told = {user: (await client.get(f"/v1/exports/{user}", headers=as_profile)).json() for user in ("anna", "carl")}
    assert told["carl"] == {"wishes": {"hasConsent": True, "optedOut": ["SALE"]}, "shelves": []}
    assert {(row["generation"], row["productId"]) for row in told["anna"]["shelves"]} == {("wished", 702)}
