"""The fast path gives what the route gives, and leaves to it whatever is not plainly in order."""

import pytest

from services.common.identity.tokens import LEEWAY
from serving.fast_path import PATH
from tests.ml.tiny_bundle import BUYER, RICE, TEA
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
OWN = f"/v1/users/{BUYER}/recommendations"


@pytest.fixture
def without_fast_path(monkeypatch):
    """Calls with the fast path shut."""

    async def call(client, path, headers):
        with monkeypatch.context() as shut:
            shut.setattr("serving.fast_path._question", lambda _: None)
            return await client.get(path, headers=headers)

    return call


def facts(answer):
    """An answer without what is new each time."""
    return {**answer.json(), "recommendationId": None, "traceId": None}, answer.headers.get("etag")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?limit=2",
        "?shelf=REPURCHASE",
        f"?excludeIds={TEA}&excludeIds={RICE}",
        "?categoryId=13&inStock=false",
        "?priceMin=3.50&priceMax=6",
    ],
)
async def test_the_fast_path_gives_the_same_answer(client, as_user, without_fast_path, query):
    headers = as_user(BUYER)
    routed = await without_fast_path(client, OWN + query, headers)

    assert routed.status_code == 200
    assert facts(await client.get(OWN + query, headers=headers)) == facts(routed)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (OWN + "?limit=0", 422),
        (OWN + "?limit=1&limit=3", 422),
        (OWN + "?exclude_ids=101", 422),
        (OWN + "?limit=", 422),
        ("/v1/users/8/recommendations", 403),
        ("/v1/users/a%20b/recommendations", 403),
        ("/v1/users//recommendations", 404),
    ],
)
async def test_what_is_not_in_order_gets_the_routes_problem(client, as_user, without_fast_path, path, status):
    headers = as_user(BUYER)
    await client.get(OWN, headers=headers)  # from now on the token is known

    answer = await client.get(path, headers=headers)

    assert answer.status_code == status
    assert facts(answer) == facts(await without_fast_path(client, path, headers))


async def test_it_is_taken_once_the_token_is_known(client, as_user, monkeypatch):
    headers = as_user(BUYER)
    await client.get(OWN, headers=headers)
    monkeypatch.setattr("serving.api.shelf_answer", None)  # the route could not answer

    assert (await client.get(OWN, headers=headers)).status_code == 200


async def test_its_answers_are_counted_as_the_routes(client):
    async def counted():
        lines = (await client.get("/metrics")).text.splitlines()
        counter = f'tanawari_http_requests_total{{method="GET",route="{PATH}",service="serving",status="200"}} '
        return sum(float(line.removeprefix(counter)) for line in lines if line.startswith(counter))

    before = await counted()
    await client.get("/v1/users/newcomer/recommendations")

    assert await counted() == before + 1


async def test_a_known_token_is_refused_once_it_has_expired(client, tokens):
    almost = 2 - LEEWAY
    headers = {"Authorization": f"Bearer {tokens.user(BUYER, lifetime=almost)}"}
    assert (await client.get(OWN, headers=headers)).status_code == 200

    async def status():
        return (await client.get(OWN, headers=headers)).status_code

    await eventually(status, lambda found: found == 401)


async def test_an_unchanged_answer_is_not_sent_again(client, as_user, monkeypatch):
    first = await client.get(OWN, headers=as_user(BUYER))
    monkeypatch.setattr("serving.api.shelf_answer", None)

    second = await client.get(OWN, headers={**as_user(BUYER), "If-None-Match": first.headers["etag"]})

    assert (second.status_code, second.content) == (304, b"")
