import itertools
import json
from contextlib import ExitStack

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.common.messaging.producer import Producer, partition_of
from services.common.storage.migrate import migrate
from services.contracts.envelope import Event
from services.contracts.events.identity import UserDeleted, UserEmailConfirmed, UserRegistered
from services.contracts.topics import TOPICS
from services.profile.app import create_app
from services.profile.settings import ProfileSettings
from tests.services.gateway.standing_in import Service, served
from tests.waiting import eventually


@pytest.fixture(scope="module")
def database_url(database):
    url = database("profile")
    migrate("profile", url)
    return url


@pytest.fixture(scope="module")
def others():
    """Small servers that stand where the other services with data of users would."""
    with ExitStack() as stack:
        services = {
            name: Service(name) for name in ("auth", "catalog", "analytics", "content", "cart", "order", "payment")
        }
        for service in services.values():
            service.url = stack.enter_context(served(service))
        yield services


@pytest.fixture(scope="module")
def settings(broker, tokens, database_url, others):
    broker.create_topics("auth.v1", "profile.v1", "erasures.v1", "user-actions.v1", "dead-letters.v1")
    return ProfileSettings(
        database_url=database_url,
        kafka_url=broker.url,
        **tokens.settings,
        auth_signing_key_file=tokens.key_file("profile"),
        **{f"{name}_url": service.url for name, service in others.items()},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings):
    """The running service."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="module")
def calling(app, tokens):
    """A client of the service: `calling("anna")`, `calling("otto", roles=("operator",))`."""

    def client(subject, **token):
        headers = {"Authorization": f"Bearer {tokens.user(subject, **token)}"}
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://profile", headers=headers)

    return client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def auth(settings, calling):
    """Auth, as far as profile hears from it."""
    producer = Producer(settings)
    yield Auth(producer, calling)
    await producer.close()


async def has_profile(client):
    """The client, once its user has a profile."""
    await eventually(lambda: client.get("/v1/users/me"), lambda answer: answer.status_code == 200)
    return client


class Auth:
    def __init__(self, producer, calling):
        self._producer = producer
        self._calling = calling

    async def register(self, user_id, email=None, version=1):
        email = f"{user_id}@example.com" if email is None else email
        await self._tell("USER_REGISTERED", UserRegistered(user_id=user_id, email=email, account_version=version))

    async def confirm(self, user_id, email, version=2):
        told = UserEmailConfirmed(user_id=user_id, email=email, account_version=version)
        await self._tell("USER_EMAIL_CONFIRMED", told)

    async def delete(self, user_id):
        await self._tell("USER_DELETED", UserDeleted(user_id=user_id))

    async def is_followed(self, user_id):
        """Wait until profile has handled all that was told of a user: what comes after it in the same partition."""
        count = TOPICS["auth.v1"].partitions
        names = (f"after-{user_id}-{number}" for number in itertools.count())
        after = next(name for name in names if partition_of(name, count) == partition_of(user_id, count))
        await self.register(after)
        await has_profile(self._calling(after))

    async def _tell(self, event_type, data):
        event = Event.of(event_type, data, producer="auth")
        await self._producer.send("auth.v1", data.user_id, event.to_bytes())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registered(auth, calling):
    """To register a user; gives the user's client once there is a profile."""

    async def register(user_id, email=None):
        await auth.register(user_id, email)
        return await has_profile(calling(user_id))

    return register


@pytest.fixture
def events(database_url):
    """The events of a user, in order: [(event type, data), ...]."""

    def of(user_id):
        with psycopg.connect(database_url) as connection:
            rows = connection.execute("SELECT value FROM outbox WHERE key = %s ORDER BY id", [user_id]).fetchall()
        return [(event["eventType"], event["data"]) for event in (json.loads(value) for (value,) in rows)]

    return of
