import json

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.auth.app import create_app
from services.auth.settings import AuthSettings
from services.common.storage.migrate import migrate
from tests.moto import credentials
from tests.services.auth.cognito import Cognito
from tests.services.auth.mails import Mails

PASSWORD = "a long enough secret"


@pytest.fixture(scope="module")
def database_url(database):
    url = database("auth")
    migrate("auth", url)
    return url


@pytest.fixture(scope="module")
def settings(broker, tokens, database_url, tmp_path_factory):
    broker.create_topics("auth.v1", "user-actions.v1", "dead-letters.v1")
    return AuthSettings(
        database_url=database_url,
        kafka_url=broker.url,
        mail_folder=tmp_path_factory.mktemp("mails"),
        storefront_url="https://shop.example",
        auth_signing_key_file=tokens.key_file("auth"),
        **tokens.settings,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(settings):
    """The running service, called without a token."""
    app = create_app(settings)
    transport = httpx2.ASGITransport(app, client=("203.0.113.7", 1234))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://auth") as client,
    ):
        yield client


@pytest.fixture
def events(database_url):
    """The events of a user, in order: [(event type, data), ...]."""

    def of(user_id):
        with psycopg.connect(database_url) as connection:
            rows = connection.execute("SELECT value FROM outbox WHERE key = %s ORDER BY id", [user_id]).fetchall()
        found = [json.loads(value) for (value,) in rows]
        return [(event["eventType"], event["data"]) for event in found]

    return of


@pytest.fixture
def mails(settings):
    return Mails(settings.mail_folder)


@pytest.fixture
def post(client):
    """To post a body, with the caller's access token if there is one."""

    async def send(path, token=None, *, method="POST", headers=None, **body):
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return await client.request(method, f"/v1/auth{path}", json=body, headers={**bearer, **(headers or {})})

    return send


@pytest.fixture
def register(post, mails):
    """Registers an address and confirms it."""

    async def new(address, password=PASSWORD):
        assert (await post("/registrations", email=address, password=password)).status_code == 202
        code = await mails.code(address)
        answer = await post("/registrations/confirm", email=address, code=code)
        assert answer.status_code == 204, answer.text

    return new


@pytest.fixture
def log_in(post):
    """Logs in, and gives the answer's body."""

    async def enter(address, password=PASSWORD, **headers):
        answer = await post("/sessions", email=address, password=password, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return enter


@pytest.fixture
def shopper(register, log_in):
    """A registered user who has logged in: the answer's body."""

    async def new(address):
        await register(address)
        return await log_in(address)

    return new


@pytest.fixture(scope="module")
def cognito(tmp_path_factory):
    """Amazon Cognito's API over HTTP."""
    with credentials(), Cognito(tmp_path_factory.mktemp("cognito")) as server:
        yield server
