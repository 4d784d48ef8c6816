import uuid

import httpx2
import pytest
import pytest_asyncio

from services.analytics.app import create_app
from services.analytics.settings import AnalyticsSettings
from services.common.storage.migrate import migrate

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module")
def database_url(database):
    url = database("analytics")
    migrate("analytics", url)
    return url


@pytest.fixture(scope="module")
def settings(broker, tokens, database_url):
    broker.create_topics("user-actions.v1", "catalog.v1", "auth.v1", "dead-letters.v1")
    return AnalyticsSettings(
        database_url=database_url,
        kafka_url=broker.url,
        kafka_idempotence=broker.is_idempotent,
        **tokens.settings,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(settings, tokens):
    """The running service; asks as the user that a request names, with a browser."""
    app = create_app(settings)
    transport = httpx2.ASGITransport(app)
    headers = {"User-Agent": BROWSER}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=transport, base_url="http://analytics", headers=headers, auth=tokens.as_named
        ) as client,
    ):
        yield client


@pytest.fixture
async def nobody(settings):
    """Asks without a token."""
    transport = httpx2.ASGITransport(create_app(settings))
    async with httpx2.AsyncClient(transport=transport, base_url="http://analytics") as client:
        yield client


@pytest.fixture
def visitor():
    return f"anon:{uuid.uuid4()}"


@pytest.fixture
def as_service(tokens):
    return {"Authorization": f"Bearer {tokens.service('importer', 'analytics')}"}


@pytest.fixture
def as_staff(tokens):
    return tokens.header(tokens.staff())


@pytest.fixture
def as_user(tokens):
    def headers(user_id):
        return tokens.header(tokens.of(user_id))

    return headers
