"""The service with Amazon Cognito as its identity provider."""

import asyncio

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.auth.app import create_app
from services.auth.provider_cognito import DELETE
from services.auth.tasks import TaskWorker
from services.common.storage.database import Database
from tests.services.auth.cognito import ANY_CODE, verify
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASSWORD = "Long enough, secret 1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(settings, cognito):
    app = create_app(settings.model_copy(update=cognito.new_pool()))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://auth") as client,
    ):
        yield client


@pytest.fixture
def shopper(post, client):
    async def new(address, password=PASSWORD):
        assert (await post("/registrations", email=address, password=password)).status_code == 202
        verify(client._transport.app.state.settings, address)
        assert (await post("/registrations/confirm", email=address, code=ANY_CODE)).status_code == 204
        answer = await post("/sessions", email=address, password=password)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return new


async def test_a_user_of_the_pool_registers_logs_in_and_stays_logged_in(shopper, post, events):
    user = await shopper("anna@example.com")
    for _ in range(3):
        refreshed = await post("/sessions/refresh", refreshToken=user["refreshToken"])
        assert refreshed.status_code == 200
        user = refreshed.json()
    told = dict(events(user["userId"]))
    assert told["USER_REGISTERED"]["cognitoId"] == told["USER_AUTHENTICATED"]["cognitoId"] == user["userId"]


async def test_the_pools_refresh_token_is_not_readable_in_the_database(shopper, database_url):
    user = await shopper("berta@example.com")
    with psycopg.connect(database_url) as connection:
        query = "SELECT provider_token FROM sessions WHERE user_id = %s"
        (sealed,) = connection.execute(query, [user["userId"]]).fetchone()
    assert len(sealed) > 12
    assert not bytes(sealed).isascii()


async def test_a_password_is_the_same_however_it_is_typed(shopper):
    await shopper("kana@example.com", "ﾊﾟｽﾜｰﾄﾞは十五文字以上にします Aa1!")


async def test_a_registration_tells_nothing_about_a_known_address(shopper, post):
    await shopper("carla@example.com")
    answers = [await post("/registrations", email=f"{who}@example.com", password=PASSWORD) for who in ("carla", "new")]
    assert [(each.status_code, each.content) for each in answers] == [(202, b"null")] * 2


async def test_a_deleted_user_is_deleted_in_the_pool(shopper, post):
    user = await shopper("dora@example.com")
    answer = await post("/users/me", user["accessToken"], method="DELETE", password=PASSWORD)
    assert answer.status_code == 202
    assert (await post("/sessions", email="dora@example.com", password=PASSWORD)).status_code in (401, 403)


async def test_a_mail_is_dropped_after_a_day_and_a_deletion_in_the_pool_never(database_url):
    database, stop = Database(database_url), asyncio.Event()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tasks (kind, email, created_at, due_at) SELECT kind, 'erik@example.com',"
            " now() - interval '25 hours', now() + interval '1 day' FROM unnest(%s::text[]) AS kind",
            [["registration", DELETE]],
        )
        working = asyncio.create_task(TaskWorker(database, mailer=None, elsewhere={DELETE: None}).run(stop))
        kinds = "SELECT kind FROM tasks WHERE email = 'erik@example.com'"
        await eventually(lambda: connection.execute(kinds).fetchall(), lambda found: len(found) < 2)
        stop.set()
        await working
        assert connection.execute(kinds).fetchall() == [(DELETE,)]
    await database.close()
