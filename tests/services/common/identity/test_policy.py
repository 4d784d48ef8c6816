"""Each policy admits whom it says, and nobody else."""

from typing import Annotated

import httpx2
import pytest
from fastapi import Body, Query

from services.common.identity import policy as policies
from services.common.identity.policy import OWNER, PUBLIC, SHOPPER, USER, owner, role, shopper
from services.common.runtime.settings import ServiceSettings
from services.common.web.app import build_app
from services.common.web.fields import Schema, UserId
from services.common.web.routing import Router

ANNA = "anon:8b4ad2c1-27e5-4b0a-9f43-3cf2b7a9d6e1"
BERT = "anon:0d9f3c1e-5b7a-4c2d-8e6f-9a1b2c3d4e5f"


class About(Schema):
    user_id: UserId | None = None


class AboutNobody(Schema):
    name: str = ""


async def nothing():
    return None


async def of_query(user_id: Annotated[UserId | None, Query(alias="userId")] = None):
    return user_id


async def of_body(about: About):
    return about.user_id


ROUTES = {
    "/public": (PUBLIC, nothing),
    "/user": (USER, nothing),
    "/shopper": (SHOPPER, nothing),
    "/shown": (shopper(services=("importer",), takes_views=True), nothing),
    "/service": (policies.service("importer", "serving"), nothing),
    "/role": (role("merchandiser", services=("importer",)), nothing),
    "/of/{userId}": (OWNER, nothing),
    "/seen/{userId}": (owner("operator", services=("importer",)), nothing),
    "/query": (owner(place="query"), of_query),
    "/body": (owner(place="body"), of_body),
}


def app_of(routes, tokens, **settings):
    router = Router()
    for path, (dependency, endpoint) in routes.items():
        router.add_api_route(path, endpoint, methods=["GET", "POST"], dependencies=[dependency])
    named = tokens.settings | {"kafka_url": "127.0.0.1:9"} | settings
    return build_app(ServiceSettings(service="catalog", **named), title="Policies", routers=[router])


def client_of(app):
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://catalog")


@pytest.fixture
async def client(tokens):
    async with client_of(app_of(ROUTES, tokens)) as client:
        yield client


@pytest.fixture
def headers(tokens):
    """The header of a caller: `headers("visitor")`; "nobody" has none."""
    callers = {
        "user": lambda: tokens.user("anna"),
        "another user": lambda: tokens.user("bert"),
        "viewer": lambda: tokens.user("anna", actor="user:otto"),
        "visitor": lambda: tokens.visitor(ANNA),
        "another visitor": lambda: tokens.visitor(BERT),
        "merchandiser": lambda: tokens.user("mia", roles=["merchandiser"]),
        "operator": lambda: tokens.user("otto", roles=["operator"]),
        "importer": lambda: tokens.service("importer", "catalog"),
        "serving": lambda: tokens.service("serving", "catalog"),
    }
    return lambda name: {} if name == "nobody" else tokens.header(callers[name]())


EVERYBODY = {
    *("nobody", "user", "another user", "viewer", "visitor", "another visitor"),
    *("merchandiser", "operator", "importer", "serving"),
}
USERS = {"user", "another user", "viewer", "merchandiser", "operator"}


@pytest.mark.parametrize(
    ("path", "admitted"),
    [
        ("/public", EVERYBODY),
        ("/user", USERS),
        ("/shopper", USERS | {"visitor", "another visitor"}),
        ("/shown", USERS | {"visitor", "another visitor", "importer"}),
        ("/service", {"importer", "serving"}),
        ("/role", {"merchandiser", "importer"}),
        ("/of/anna", {"user", "viewer"}),
        (f"/of/{ANNA}", {"visitor"}),
        ("/of/importer", set()),
        ("/seen/anna", {"user", "viewer", "operator", "importer"}),
        ("/query", EVERYBODY),
        ("/query?userId=anna", {"user", "viewer"}),
        (f"/query?userId={ANNA}", {"visitor"}),
        ("/query?userId=", set()),
    ],
)
async def test_a_policy_admits_whom_it_says_and_nobody_else(client, headers, path, admitted):
    statuses = {name: (await client.get(path, headers=headers(name))).status_code for name in EVERYBODY}
    assert {name for name, status in statuses.items() if status not in (401, 403)} == admitted
    assert statuses["nobody"] in ((200, 401) if "userId=" not in path else (401,))


@pytest.mark.parametrize("name", ["userId", "user_id"])
async def test_the_owner_in_a_body_may_have_either_spelling(client, headers, name):
    body = {name: "anna"}
    assert (await client.post("/body", json=body, headers=headers("user"))).json() == "anna"
    for other in EVERYBODY - {"user"}:
        assert (await client.post("/body", json=body, headers=headers(other))).status_code in (401, 403)


@pytest.mark.parametrize(
    "body",
    [
        {"userId": "bert", "user_id": "anna"},
        {"userId": "anna", "user_id": "bert"},
        {"userId": "anna", "user_id": None},
    ],
    ids=str,
)
async def test_a_body_that_names_two_owners_is_refused(client, headers, body):
    assert (await client.post("/body", json=body, headers=headers("user"))).status_code == 403


async def test_of_a_name_that_is_twice_in_a_body_policy_and_route_see_the_same_one(client, headers):
    for body in (b'{"userId":"bert","userId":"anna"}', b'{"userId":"anna","userId":"bert"}'):
        answer = await client.post(
            "/body", content=body, headers=headers("user") | {"Content-Type": "application/json"}
        )
        assert answer.status_code == 403 or answer.json() == "anna"


async def test_a_query_that_names_two_owners_is_refused(client, headers):
    for query in ("userId=anna&userId=bert", "userId=bert&userId=anna"):
        assert (await client.get(f"/query?{query}", headers=headers("user"))).status_code == 422


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", None])
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b"\xff", b'{"userId":7}', b"[" * 9_000, b'{"userId":' + b"9" * 5_000 + b"}"]
)
async def test_a_body_that_is_none_gets_the_routes_own_refusal(client, headers, media_type, body):
    kind = {"Content-Type": media_type} if media_type else {}
    answer = await client.post("/body", content=body, headers=headers("user") | kind)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("path", ["/of/anna%2F..%2Fbert", "/of/%00", "/of/ANNA", "/of/%EF%BD%81nna", "/of/anna%20"])
async def test_a_path_that_only_resembles_the_owner_is_not_the_owners(client, headers, path):
    assert (await client.get(path, headers=headers("user"))).status_code in (403, 404)


async def test_who_views_as_a_user_changes_nothing(client, headers):
    posted = {path: await client.post(path, headers=headers("viewer")) for path in ("/user", "/shopper", "/of/anna")}
    assert {path: answer.status_code for path, answer in posted.items()} == dict.fromkeys(posted, 403)
    assert (await client.post("/shown", headers=headers("viewer"))).status_code == 200


async def test_an_invalid_token_is_refused_where_nobody_needs_one(client):
    for header in ("Bearer nonsense", "Bearer", "Basic YTpi", ""):
        answer = await client.get("/public", headers={"Authorization": header})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_two_authorization_headers_are_refused(client, headers):
    twice = [("Authorization", headers(name)["Authorization"]) for name in ("user", "another user")]
    assert (await client.get("/user", headers=twice)).status_code == 401


async def test_without_keys_only_what_everybody_may_do_goes_on(tokens, headers, tmp_path):
    app = app_of(ROUTES, tokens, auth_jwks_url=(tmp_path / "missing.json").as_uri())
    async with client_of(app) as client:
        for path in ("/public", "/query"):
            assert (await client.get(path, headers=headers("user"))).status_code == 200
        for path in ("/user", "/shopper", "/role", "/service", "/of/anna", "/query?userId=anna"):
            answer = await client.get(path, headers=headers("user"))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def of_two(about: About, other: AboutNobody):
    return about, other


async def of_an_embedded_one(about: Annotated[About, Body(embed=True)]):
    return about


async def of_nobody(about: AboutNobody):
    return about


async def of_perhaps_one(about: About | None = None):
    return about


@pytest.mark.parametrize(
    ("place", "path", "endpoint"),
    [
        ("path", "/of/{name}", nothing),
        ("query", "/query", nothing),
        ("body", "/body", nothing),
        ("body", "/body", of_nobody),
        ("body", "/body", of_two),
        ("body", "/body", of_an_embedded_one),
        ("body", "/body", of_perhaps_one),
    ],
)
def test_an_application_whose_owner_cannot_be_found_does_not_start(tokens, place, path, endpoint):
    with pytest.raises(RuntimeError, match=f"{path} has no userId in its {place}"):
        app_of({path: (owner(place=place), endpoint)}, tokens)


def test_an_application_with_a_route_without_a_policy_does_not_start(tokens):
    router = Router()
    router.add_api_route("/forgotten", nothing)
    with pytest.raises(RuntimeError, match="GET /forgotten states no policy"):
        build_app(ServiceSettings(service="catalog", **tokens.settings), title="Policies", routers=[router])
