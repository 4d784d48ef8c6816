"""Tokens that auth has revoked are refused by every process that follows its events, and no others."""

from contextlib import asynccontextmanager

import httpx2
import pytest
import pytest_asyncio

from services.common.identity.policy import USER
from services.common.messaging.producer import Producer
from services.common.runtime.settings import ServiceSettings
from services.common.web.app import build_app
from services.common.web.routing import Router
from services.contracts.envelope import Event
from services.contracts.events.identity import SessionsRevoked, UserDeleted, UserRolesChanged, UserStatusChanged
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
WITHIN = 5
"""Seconds in which a revoked token is refused everywhere."""
OF_USER = {
    "USER_DISABLED": UserStatusChanged,
    "USER_DELETED": UserDeleted,
    "USER_ROLES_CHANGED": lambda user_id: UserRolesChanged(user_id=user_id, roles=[]),
    "SESSIONS_REVOKED": SessionsRevoked,
}


@pytest.fixture(scope="module")
def broker(embedded_broker):
    embedded_broker.create_topics("auth.v1")
    return embedded_broker


@pytest.fixture(scope="module")
def settings(broker, tokens):
    return ServiceSettings(service="catalog", kafka_url=broker.url, **tokens.settings)


async def nothing():
    return None


@asynccontextmanager
async def process(settings):
    """A service with a route for users; gives a function from a token to the status."""
    router = Router()
    router.add_api_route("/user", nothing, dependencies=[USER])
    app = build_app(settings, title="Revocations", routers=[router])
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://catalog")

    async def status(token):
        return (await client.get("/user", headers={"Authorization": f"Bearer {token}"})).status_code

    async with client, app.router.lifespan_context(app):
        yield status


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def follows(settings, tell, tokens):
    """A process that follows."""
    async with process(settings) as status:
        first = tokens.user("first")
        await tell("USER_DISABLED", UserStatusChanged(user_id="first"))
        await eventually(lambda: status(first), lambda answer: answer == 401)
        yield status


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tell(settings):
    producer = Producer(settings)

    async def publish(event_type, data):
        await producer.send("auth.v1", data.user_id, Event.of(event_type, data, producer="auth").to_bytes())

    yield publish
    await producer.close()


@pytest.mark.parametrize("event_type", OF_USER)
async def test_older_tokens_of_the_user_are_refused_and_newer_ones_pass(follows, tell, tokens, event_type):
    user_id = f"u-{event_type}"
    older = tokens.user(user_id)
    assert await follows(older) == 200  # it is remembered from now on
    await tell(event_type, OF_USER[event_type](user_id=user_id))
    assert await eventually(lambda: follows(older), lambda status: status == 401, seconds=WITHIN)
    assert await follows(tokens.user(user_id)) == 200
    assert await follows(tokens.user("somebody-else")) == 200


async def test_where_a_session_is_named_the_users_other_sessions_go_on(follows, tell, tokens):
    ended, other = (tokens.user("u5", session_id=session) for session in ("s1", "s2"))
    await tell("SESSIONS_REVOKED", SessionsRevoked(user_id="u5", session_id="s1"))
    assert await eventually(lambda: follows(ended), lambda status: status == 401, seconds=WITHIN)
    assert await follows(other) == 200
    assert await follows(tokens.user("u5", session_id="s1")) == 401  # whenever it was issued


async def test_who_views_as_a_user_is_refused_once_disabled(follows, tell, tokens):
    viewing = tokens.user("u6", actor="user:otto")
    await tell("USER_DISABLED", UserStatusChanged(user_id="otto"))
    assert await eventually(lambda: follows(viewing), lambda status: status == 401, seconds=WITHIN)
    assert await follows(tokens.user("u6")) == 200


async def test_enabling_a_user_revokes_nothing_and_brings_nothing_back(follows, tell, tokens):
    older = tokens.user("u7")
    await tell("USER_DISABLED", UserStatusChanged(user_id="u7"))
    await tell("USER_ENABLED", UserStatusChanged(user_id="u7"))
    newer = tokens.user("u7")
    assert await eventually(lambda: follows(older), lambda status: status == 401, seconds=WITHIN)
    assert await follows(newer) == 200


async def test_events_in_any_order_leave_the_latest_time(follows, tell, tokens, settings):
    old = Event.of("USER_DISABLED", UserStatusChanged(user_id="u8"), producer="auth")
    token = tokens.user("u8")
    await tell("USER_DISABLED", UserStatusChanged(user_id="u8"))
    producer = Producer(settings)
    await producer.send("auth.v1", "u8", old.to_bytes())
    await producer.send("auth.v1", "u8", b"{")  # skipped
    await producer.close()
    await tell("SESSIONS_REVOKED", SessionsRevoked(user_id="u8", session_id="s8"))
    await eventually(lambda: follows(tokens.user("u8", session_id="s8")), lambda status: status == 401)
    assert await follows(token) == 401


async def test_a_user_who_is_called_like_a_service_revokes_no_token_of_the_service(follows, tell, tokens):
    """A service is refused by the policy, with 403, and not by its token."""
    user, service = tokens.user("importer"), tokens.service("importer", "catalog")
    await tell("USER_DISABLED", UserStatusChanged(user_id="importer"))
    assert await eventually(lambda: follows(user), lambda status: status == 401, seconds=WITHIN)
    assert await follows(service) == 403


async def test_a_restarted_process_refuses_what_was_revoked_before(follows, tell, tokens, settings):
    older = tokens.user("u9")
    await tell("USER_DELETED", UserDeleted(user_id="u9"))
    await eventually(lambda: follows(older), lambda status: status == 401, seconds=WITHIN)
    async with process(settings) as restarted:
        await eventually(lambda: restarted(older), lambda status: status == 401)
        assert await restarted(tokens.user("u9")) == 200


async def test_a_broker_that_is_unavailable_changes_nothing_for_valid_callers(tokens):
    settings = ServiceSettings(service="catalog", kafka_url="127.0.0.1:9", **tokens.settings)
    async with process(settings) as status:
        assert await status(tokens.user("u1")) == 200
        assert await status("nonsense") == 401
