"""One small service, with everything that `build_app` gives to each."""

from contextlib import AsyncExitStack
from typing import Annotated

import httpx2
import psycopg
import pytest
from fastapi import Query, Request
from sqlalchemy import text

from services.common.identity.policy import OWNER, PUBLIC, USER, role, service
from services.common.identity.tokens import Principal
from services.common.runtime.errors import MOST_FAULTS, Conflict, Unauthorized
from services.common.storage.cache import Cache
from services.common.storage.database import Session
from services.common.web.app import build_app
from services.common.web.fields import Money, Schema, ShortText
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.routing import MOST_NAMES, Router


class Note(Schema):
    name: ShortText
    price: Money


class Taken(Conflict):
    title = "Name taken"


router = Router()


@router.get("/v1/notes", dependencies=[PUBLIC])
async def count(session: Session, limit: Annotated[int, Query(le=5)] = 3) -> int:
    del limit
    return await session.scalar(text("SELECT count(*) FROM effects"))


@router.post("/v1/notes", dependencies=[USER, IDEMPOTENT], status_code=201)
async def write(note: Note, session: Session) -> Note:
    await session.execute(text("INSERT INTO effects (event_id) VALUES (:name)"), {"name": note.name})
    if note.name == "taken":
        raise Taken("It is.")
    return note


STATEMENTS = {
    "the-same-twice": "INSERT INTO alembic_version SELECT 'x' FROM generate_series(1, 2)",
    "too-long": "SELECT repeat('x', 2000000000)",
    "slow": "SELECT pg_sleep(60)",
}


@router.get("/v1/statements/{name}", dependencies=[PUBLIC])
async def execute(name: str, session: Session) -> None:
    await session.execute(text(STATEMENTS[name]))


@router.get("/v1/connections", dependencies=[PUBLIC])
async def connections(session: Session, request: Request) -> list[int]:
    pool = request.app.state.database.engine.pool
    before = pool.checkedout()
    await session.execute(text("SELECT 1"))
    return [before, pool.checkedout()]


@router.get("/v1/users/{userId}/notes", dependencies=[OWNER])
async def own() -> str:
    return "own"


@router.get("/v1/internal", dependencies=[service("importer")])
async def internal() -> str:
    return "internal"


@router.get("/v1/shelves", dependencies=[role("merchandiser")])
async def shelves() -> str:
    return "shelves"


@router.get("/v1/me")
async def me(caller: Annotated[Principal, USER]) -> str:
    return caller.subject


@router.get("/v1/mine")
async def mine(caller: Annotated[Principal | None, PUBLIC]) -> str:
    if caller is None:
        raise Unauthorized
    return caller.subject


@router.get("/v1/broken", dependencies=[PUBLIC])
async def broken() -> str:
    raise RuntimeError("secret detail")


@pytest.fixture
def app(settings, service_database):
    return build_app(
        settings,
        title="Notes",
        routers=[router],
        database=service_database,
        cache=Cache(settings, {}),
        max_body_bytes=2000,
    )


@pytest.fixture
async def client(app):
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://n") as client:
        yield client


@pytest.fixture
def as_user(tokens):
    def headers(subject="u1", **more):
        return {"Authorization": f"Bearer {tokens.user(subject, **more)}"}

    return headers


@pytest.fixture
def as_service(tokens):
    return lambda name: tokens.header(tokens.service(name, "catalog"))


NOTE = {"name": "tea", "price": "1.20"}


async def notes(client):
    return (await client.get("/v1/notes")).json()


async def test_what_a_route_wrote_is_committed_before_its_answer(client, as_user):
    response = await client.post("/v1/notes", json=NOTE, headers=as_user())
    assert (response.status_code, response.json()) == (201, NOTE)
    assert await notes(client) == 1


async def test_an_error_rolls_back_and_is_a_problem_with_its_own_type(client, as_user):
    response = await client.post("/v1/notes", json=NOTE | {"name": "taken"}, headers=as_user())
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() | {"traceId": ""} == {
        "type": "urn:tanawari:problem:name-taken",
        "title": "Name taken",
        "status": 409,
        "detail": "It is.",
        "errors": [],
        "traceId": "",
    }
    assert await notes(client) == 0


async def test_an_unexpected_error_tells_nothing_internal(client):
    response = await client.get("/v1/broken")
    assert response.status_code == 500
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "field"),
    [
        ("GET", "/v1/notes?limit=9", {}, 422, "query.limit"),
        ("GET", "/v1/notes?colour=red", {}, 422, "query.colour"),
        ("GET", "/v1/notes?limit=1&limit=2", {}, 422, "query.limit"),
        ("POST", "/v1/notes", {"json": {"name": "tea"}}, 422, "body.price"),
        ("POST", "/v1/notes", {"json": NOTE | {"colour": "red"}}, 422, "body.colour"),
        ("POST", "/v1/notes", {"json": NOTE | {"name": "a\x00"}}, 422, "body.name"),
        ("POST", "/v1/notes", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "body.1"),
        ("POST", "/v1/notes", {"json": NOTE | {"name": "a" * 3000}}, 413, None),
        ("GET", "/v1/nothing", {}, 404, None),
    ],
)
async def test_a_bad_request_is_a_problem_that_names_the_field(client, as_user, method, path, more, status, field):
    more = more | {"headers": as_user() | more.get("headers", {})}
    response = await client.request(method, path, **more)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["errors"][0]["field"] if field else None) == field


async def test_json_without_its_content_type_is_told_what_to_send(client, as_user):
    response = await client.post("/v1/notes", content=b'{"name": "tea"}', headers=as_user())
    assert response.status_code == 422
    assert response.json()["detail"] == "The body is not read as JSON: send the header Content-Type: application/json."


async def test_without_a_body_it_is_the_body_that_is_missing_and_not_its_content_type(client, as_user):
    problem = (await client.post("/v1/notes", headers=as_user())).json()
    assert (problem["detail"], problem["errors"][0]["field"]) == ("Some values are not acceptable.", "body")


async def test_only_what_is_for_everybody_may_be_kept_by_caches(client, as_user):
    async def kept(path, **headers):
        return (await client.get(path, headers=headers)).headers.get("cache-control")

    paths = ("/v1/me", "/v1/users/7/notes", "/v1/notes")  # the last one is public, and may tell a known caller more
    assert [await kept(path, **as_user("7")) for path in paths] == ["private, no-store"] * 3
    assert await kept("/v1/notes") is None


async def test_a_method_that_no_route_has_is_told_which_there_are(client):
    response = await client.delete("/v1/notes")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_a_database_that_is_away_is_503_with_retry_after(client, database_url, postgres_server):
    name = database_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    response = await client.get("/v1/notes")
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert (await client.get("/health/live")).status_code == 200


@pytest.mark.parametrize(
    ("path", "expected"),  # of nobody, user u1, user u2, a merchandiser, the service importer, another one
    [
        ("/v1/notes", [200, 200, 200, 200, 200, 200]),
        ("/v1/me", [401, 200, 200, 200, 403, 403]),
        ("/v1/users/u1/notes", [401, 200, 403, 403, 403, 403]),
        ("/v1/internal", [401, 403, 403, 403, 200, 403]),
        ("/v1/shelves", [401, 403, 403, 200, 403, 403]),
    ],
)
async def test_each_policy_admits_whom_it_says(client, as_user, as_service, path, expected):
    callers = [
        {},
        as_user("u1"),
        as_user("u2"),
        as_user("u3", roles=("merchandiser",)),
        as_service("importer"),
        as_service("serving"),
    ]
    statuses = [(await client.get(path, headers=headers)).status_code for headers in callers]
    assert statuses == expected


async def test_a_wrong_token_is_refused_even_where_none_is_needed(client):
    response = await client.get("/v1/notes", headers={"Authorization": "Bearer wrong"})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


def test_an_application_with_a_route_without_policy_does_not_start(settings):
    forgetful = Router()
    forgetful.get("/v1/open")(own)
    with pytest.raises(RuntimeError, match="/v1/open"):
        build_app(settings, title="Forgetful", routers=[forgetful])


@pytest.mark.parametrize(("statement", "status"), [("the-same-twice", 409), ("too-long", 422)])
async def test_what_the_database_refuses_is_no_error_of_the_service(client, statement, status):
    assert (await client.get(f"/v1/statements/{statement}")).status_code == status


async def test_a_statement_ends_with_the_time_that_the_caller_granted(client):
    response = await client.get("/v1/statements/slow", headers={"X-Deadline-Ms": "200"})
    assert (response.status_code, response.json()["detail"]) == (503, "The database did not answer in time.")


async def test_a_request_holds_no_connection_before_its_first_statement(client):
    response = await client.get("/v1/connections", headers={"X-Deadline-Ms": "5000"})
    assert response.json() == [0, 1]


async def test_a_service_whose_connections_are_all_taken_is_ready(client, service_database):
    async with AsyncExitStack() as taken:
        for _ in range(20):
            await taken.enter_async_context(service_database.engine.connect())
        assert service_database.engine.pool.checkedout() == 20
        assert (await client.get("/health/ready")).status_code == 200


async def test_the_docs_load_nothing_from_elsewhere(client):
    page = (await client.get("/docs")).text
    assert "https://" not in page
    assert (await client.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200


async def test_the_document_states_the_shared_statuses_and_who_must_be_known(client):
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert {*paths["/v1/notes"]["post"]["responses"]} == {"201", "400", "401", "403", "409", "413", "422", "503"}
    assert paths["/v1/notes"]["post"]["security"] == [{"bearer": []}]
    assert paths["/v1/notes"]["get"]["security"] == [{"bearer": []}, {}]


async def test_each_part_is_closed_in_its_turn_whatever_comes_of_those_before(settings):
    closed = []

    class Part:
        def __init__(self, name):
            self.name = name

        async def check(self):
            """It is there."""

        async def close(self):
            closed.append(self.name)
            if self.name == "catalog":
                raise ConnectionError

    app = build_app(
        settings, title="Parts", routers=[], producer=Part("producer"), closes=[Part("catalog"), Part("mail")]
    )
    with pytest.raises(ConnectionError):
        async with app.router.lifespan_context(app):
            assert closed == []
    assert closed == ["catalog", "mail", "producer"]


async def test_requests_are_counted_by_route_and_not_by_path(client, as_user):
    await client.get("/v1/users/u1/notes", headers=as_user())
    await client.get("/v1/who/knows")
    lines = (await client.get("/metrics")).text
    assert 'method="GET",route="/v1/users/{userId}/notes",service="catalog",status="200"' in lines
    assert 'route="unmatched"' in lines
    assert "who/knows" not in lines


async def test_a_trace_goes_on_through_the_problem(client):
    trace = "0af7651916cd43dd8448eb211c80319c"
    response = await client.get("/v1/nothing", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert response.json()["traceId"] == trace


async def test_a_body_of_very_many_fields_is_refused_soon_and_in_a_few_words(settings, service_database, as_user):
    app = build_app(settings, title="Notes", routers=[router], database=service_database, max_body_bytes=8_000_000)
    body = {f"{number}{'x' * 200}": 0 for number in range(MOST_NAMES - 1)}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://n") as client:
        few = await client.post("/v1/notes", json=body, headers=as_user())
        many = await client.post("/v1/notes", json=body | {"1": 1, "2": 2}, headers=as_user())
    assert (few.status_code, many.status_code) == (422, 422)
    assert len(few.json()["errors"]) == MOST_FAULTS
    assert max(len(few.content), len(many.content)) < 10_000


async def test_while_tokens_cannot_be_verified_public_routes_go_on_and_others_ask_for_patience(
    service_database, settings, as_user, tmp_path
):
    away = settings.model_copy(update={"auth_jwks_url": (tmp_path / "missing.json").as_uri()})
    app = build_app(away, title="Notes", routers=[router], database=service_database)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://n") as client:
        paths = ("/v1/notes", "/v1/me", "/v1/mine")
        statuses = [(await client.get(path, headers=as_user())).status_code for path in paths]
    assert statuses == [200, 503, 503]
