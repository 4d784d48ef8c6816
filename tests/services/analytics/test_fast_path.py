"""The fast path gives what the route gives, and leaves to it whatever is not plainly in order."""

import json
import uuid

import pytest

from services.analytics.api import PATH
from services.analytics.fast_path import LARGEST

pytestmark = pytest.mark.asyncio(loop_scope="module")
VISITOR = f"anon:{uuid.UUID(int=1)}"
SEARCH = {"actionType": "SEARCH_BY_KEYWORD", "userId": VISITOR, "searchKeyword": "茶"}
VIEW = {"actionType": "PRODUCT_VIEWED", "userId": VISITOR, "productId": 7}
OWN = {**VIEW, "userId": "2375"}
JSON = "application/json"


def batch(*actions, **more):
    return json.dumps({"actions": actions, "consent": True, **more}).encode()


@pytest.fixture
def post(client, as_user):
    """Posts a body; gives status and answer without what is new each time."""

    async def post(body, path=PATH, **headers):
        named = {
            "Content-Type": JSON,
            **as_user(VISITOR),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        answer = await client.post(path, content=body, headers={name: value for name, value in named.items() if value})
        facts = {name: value for name, value in answer.json().items() if name != "traceId"}
        if "Idempotency_Key" not in headers:
            for result in facts.get("results", ()):
                result["eventId"] = "eventId" in result and "an id"
        return answer.status_code, facts

    return post


@pytest.fixture
def without_fast_path(monkeypatch, post):
    """Posts with the fast path shut."""

    async def post_long(body, **headers):
        with monkeypatch.context() as shut:
            shut.setattr("services.analytics.fast_path._is_plain", lambda _: False)
            return await post(body, **headers)

    return post_long


@pytest.fixture
def is_routed(monkeypatch, post):
    """Whether a request goes the long way: it fails when the route cannot answer."""

    async def is_routed(body, **headers):
        with monkeypatch.context() as shut:
            shut.setattr("services.analytics.api.answer", None)
            try:
                await post(body, **headers)
            except TypeError:
                return True
        return False

    return is_routed


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (batch(VIEW), {}),
        (batch(VIEW, OWN, {**VIEW, "actionType": "CART_ADD"}), {}),
        (batch(VIEW, consent=False), {}),
        (batch(OWN), {}),
        (batch(VIEW), {"Idempotency_Key": "k1"}),
        (
            batch({"actionType": "SEARCH_BY_KEYWORD", "userId": VISITOR, "searchKeyword": "茶"}),
            {"User_Agent": "Googlebot/2.1"},
        ),
        (batch(VIEW), {"Content_Type": "Application/JSON; charset=utf-8"}),
    ],
)
async def test_the_fast_path_gives_the_same_answer(post, without_fast_path, is_routed, body, headers):
    answer = await post(body, **headers)  # from now on the token is known
    assert not await is_routed(body, **headers)
    assert answer == await without_fast_path(body, **headers)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 422),
        (batch(), {}, 422),
        (batch({**SEARCH, "metadata": {"a": "b"}}), {}, 202),
        (batch(VIEW, {**VIEW, "metadata": {"a": "b"}}), {}, 202),
        (batch(VIEW, {**VIEW, "productId": "7"}), {}, 202),
        (batch(VIEW), {"Content_Type": "text/html"}, 422),
        (batch(VIEW), {"Content_Type": ""}, 422),
        (batch(VIEW), {"Idempotency_Key": "k" * 201}, 422),
        (batch(VIEW), {"path": f"{PATH}?limit=1"}, 422),
        (batch(VIEW), {"Authorization": "Bearer nonsense"}, 401),
        (batch(VIEW), {"Authorization": "Basic nonsense"}, 401),
        (batch(VIEW) + b" " * LARGEST, {}, 202),
        (batch(VIEW) + b" " * 2 * LARGEST, {}, 413),
    ],
)
async def test_what_is_not_plainly_in_order_gets_the_routes_answer(post, without_fast_path, body, headers, status):
    answer = await post(body, **headers)

    assert answer[0] == status
    assert answer == await without_fast_path(body, **headers)


async def test_a_user_goes_the_fast_path_once_the_token_is_known(post, is_routed, as_user):
    headers = as_user("2375")
    assert await is_routed(batch(OWN), **headers)
    assert await post(batch(OWN), **headers) == await post(batch(VIEW))
    assert not await is_routed(batch(OWN), **headers)
    status, _ = await post(batch(VIEW), **headers)
    assert status == 422


async def test_its_answers_are_counted_as_the_routes(client, post):
    async def counted():
        lines = (await client.get("/metrics")).text.splitlines()
        name = f'tanawari_http_requests_total{{method="POST",route="{PATH}",service="analytics",status="202"}}'
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0)

    before = await counted()
    await post(batch(VIEW))
    assert await counted() == before + 1


async def test_a_known_service_that_the_route_refuses_is_refused_here_too(post, tokens):
    headers = tokens.header(tokens.service("profile", "analytics"))
    for _ in range(2):  # the first time it becomes known
        status, _ = await post(batch(OWN), **headers)
        assert status == 403
