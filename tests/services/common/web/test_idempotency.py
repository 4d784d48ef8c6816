"""Requests with an `Idempotency-Key`: whose it is, what is replayed, and what runs again."""

import asyncio
import uuid
from typing import Annotated

import psycopg
import pytest
from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from psycopg.rows import namedtuple_row
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from services.common.identity.policy import PUBLIC, USER
from services.common.identity.principal import Principal
from services.common.runtime.errors import Conflict, Forbidden, NotFound, Problem, Unauthorized, Unavailable
from services.common.storage.database import Database, Session
from services.common.web.idempotency import IDEMPOTENT, REQUIRES_KEY
from services.common.web.idempotency_store import MOST_KEPT_BYTES, Claim
from services.common.web.routing import Router
from tests.services.common.web.keyed_service import WRITE, Gates, Settings, client_of, create_tables, keyed_app, nothing

TEA = {"name": "tea"}
KEY = {"Idempotency-Key": "k1"}
PATHS = ["/v1/effects", "/v1/charges"]


class TooMany(Problem):
    status = 429


class NotYet(NotFound):
    is_final = False


@pytest.fixture
def database_url(database):
    create_tables(url := database("keyed"))
    return url


@pytest.fixture
def settings(tokens):
    return Settings(**tokens.settings)


@pytest.fixture
def app(settings, service_database):
    return keyed_app(settings, service_database)


@pytest.fixture
async def client(app, tokens):
    async with client_of(app, tokens.user("u1")) as client:
        yield client


@pytest.fixture
def post(client):
    def post(path="/v1/effects", *, body=TEA, key="k1", **headers):
        return client.post(path, json=body, headers=headers | ({"Idempotency-Key": key} if key else {}))

    return post


@pytest.fixture
def gates(app):
    app.state.work = Gates()
    return app.state.work


@pytest.fixture
def execute(database_url):
    """A statement from elsewhere, committed at once; its rows if it has any."""
    with psycopg.connect(database_url, autocommit=True, row_factory=namedtuple_row) as connection:

        def execute(statement):
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

        yield execute


@pytest.fixture
def effects(execute):
    return lambda: len(execute("SELECT * FROM effects"))


def raising(error):
    async def work(_):
        raise error

    return work


def is_first(response):
    return response.status_code == 201 and "idempotent-replayed" not in response.headers


@pytest.mark.parametrize("path", PATHS)
async def test_the_same_key_and_request_get_the_first_answer_again(post, effects, path):
    first, second = [await post(path) for _ in range(2)]
    assert is_first(first)
    assert (second.status_code, second.headers["idempotent-replayed"]) == (201, "true")
    assert (second.content, second.headers.get("location")) == (first.content, first.headers.get("location"))
    assert effects() == 1


async def test_without_a_key_each_request_has_its_effect(post, effects):
    assert [is_first(await post(key=None)) for _ in range(2)] == [True] * 2
    assert effects() == 2


async def test_another_body_under_a_used_key_is_refused(post, effects):
    await post()
    response = await post(body={"name": "cup"})
    assert (response.status_code, response.json()["title"]) == (422, "Idempotency key reused")
    assert effects() == 1


async def test_another_path_under_a_used_key_is_refused_whatever_characters_it_has(settings, service_database, tokens):
    router = Router()

    @router.post("/v1/names/{name}", status_code=201, dependencies=[USER, IDEMPOTENT])
    async def work(name: str) -> str:
        return name

    app = keyed_app(settings, service_database, routers=[router])
    async with client_of(app, tokens.user("u1")) as client:
        answers = [await client.post(f"/v1/names/{name}", headers=KEY) for name in ("a%09b", "ab")]
    assert [each.status_code for each in answers] == [201, 422]


async def test_a_key_that_was_released_still_belongs_to_its_request(app, post):
    app.state.work = raising(Unavailable())
    await post()
    assert (await post(body={"name": "cup"})).json()["title"] == "Idempotency key reused"


async def test_a_key_belongs_to_its_caller_and_its_route(post, tokens, execute):
    visitors = [f"anon:{uuid.uuid4()}" for _ in range(2)]
    others = [tokens.user("u2"), tokens.service("importer", "catalog"), *map(tokens.visitor, visitors)]
    responses = [await post(), await post(PATHS[1]), *[await post(**tokens.header(each)) for each in others]]
    assert [is_first(each) for each in responses] == [True] * 6
    callers = {row.scope.partition(" ")[0] for row in execute("SELECT scope FROM idempotency")}
    assert callers == {"user:u1", "user:u2", "service:importer", *(f"visitor:{each}" for each in visitors)}


@pytest.mark.parametrize("error", [NotFound("Nothing there."), Forbidden("Not yours.")])
async def test_a_final_refusal_is_kept_and_replayed(app, post, effects, error):
    app.state.work = raising(error)
    first = await post()
    app.state.work = nothing
    second = await post()
    assert (second.status_code, second.content) == (error.status, first.content)
    assert (second.headers["idempotent-replayed"], second.headers["content-type"]) == (
        "true",
        "application/problem+json",
    )
    assert effects() == 0


async def test_what_is_refused_before_the_work_is_kept_alike(post, effects):
    first, second = [await post(body={"colour": "red"}) for _ in range(2)]
    assert (second.status_code, second.content, second.headers["idempotent-replayed"]) == (422, first.content, "true")
    assert effects() == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Conflict(), 409),
        (TooMany(), 429),
        (NotYet(), 404),
        (Unauthorized(), 401),
        (Unavailable(), 503),
        (RuntimeError("unexpected"), 500),
    ],
)
async def test_what_may_end_otherwise_the_next_time_runs_again(app, post, effects, error, status):
    app.state.work = raising(error)
    assert (await post()).status_code == status
    app.state.work = nothing
    assert is_first(await post())
    assert effects() == 1


async def test_a_commit_that_fails_releases_the_key(post, execute, effects):
    execute("ALTER TABLE effects ADD CONSTRAINT once UNIQUE (name) DEFERRABLE INITIALLY DEFERRED")
    execute("INSERT INTO effects (name) VALUES ('tea')")
    assert (await post()).status_code == 409
    execute("DELETE FROM effects")
    assert is_first(await post())
    assert effects() == 1


async def test_a_commit_whose_outcome_was_not_learnt_is_known_to_the_next_request(app, post, effects):
    def lost(connection):
        connection.connection.commit()
        raise OperationalError("COMMIT", {}, psycopg.OperationalError("the connection is lost"))

    async def work(session):
        event.listen((await session.connection()).sync_connection, "commit", lost)

    app.state.work = work
    assert (await post()).status_code == 503
    response = await post()
    assert (response.status_code, response.headers["idempotent-replayed"]) == (201, "true")
    assert effects() == 1


async def test_while_the_first_runs_a_repetition_is_told_when_to_ask_again(gates, post, effects):
    first = asyncio.create_task(post())
    end = await gates.begun.get()
    second = await post()
    assert (second.status_code, second.headers["retry-after"]) == (409, "1")
    end.set_result(None)
    assert is_first(await first)
    assert effects() == 1


async def test_a_claim_is_committed_before_the_work_and_holds_no_connection(gates, post, execute, service_database):
    first = asyncio.create_task(post("/v1/charges"))
    end = await gates.begun.get()
    assert [(row.attempt, row.status) for row in execute("SELECT * FROM idempotency")] == [(1, None)]
    assert service_database.engine.pool.checkedout() == 0
    end.set_result(None)
    await first


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("is_late", [True, False])
async def test_past_the_deadline_the_next_request_takes_over_and_the_earlier_one_has_no_say(
    gates, post, execute, effects, path, is_late
):
    earlier = asyncio.create_task(post(path))
    end_earlier = await gates.begun.get()
    execute("UPDATE idempotency SET deadline = now()")
    later = asyncio.create_task(post(path))
    end_later = await gates.begun.get()
    ends = [(end_earlier, earlier, 409), (end_later, later, 201)]
    for end, request, status in reversed(ends) if is_late else ends:
        end.set_result(None)
        assert (await request).status_code == status
    assert [(row.attempt, row.status) for row in execute("SELECT * FROM idempotency")] == [(2, 201)]
    assert effects() == 1


async def test_a_request_that_was_cancelled_releases_its_key(gates, app, post, effects):
    first = asyncio.create_task(post())
    await gates.begun.get()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    app.state.work = nothing
    assert is_first(await post())
    assert effects() == 1


def in_lists(router, *dependencies):
    @router.post("/v1/shape", status_code=201, dependencies=dependencies)
    async def work(session: Session) -> None:
        await session.execute(WRITE, {"name": "tea"})


def with_a_parameter(router):
    @router.post("/v1/shape", status_code=201, dependencies=[IDEMPOTENT])
    async def work(session: Session, _: Annotated[Principal, USER]) -> None:
        await session.execute(WRITE, {"name": "tea"})


def with_parameters(router):
    @router.post("/v1/shape", status_code=201)
    async def work(session: Session, _: Annotated[Claim, REQUIRES_KEY], __: Annotated[Principal, USER]) -> None:
        await session.execute(WRITE, {"name": "tea"})


async def with_a_key(_: Annotated[Claim | None, IDEMPOTENT]) -> None:
    """What a dependency of a route needs counts as the route's."""


SHAPES = {
    "policy first": lambda router: in_lists(router, USER, IDEMPOTENT),
    "claim first": lambda router: in_lists(router, IDEMPOTENT, USER),
    "nested": lambda router: in_lists(router, USER, Depends(with_a_key)),
    "parameter": with_a_parameter,
    "parameters": with_parameters,
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_the_policy_comes_before_the_claim_wherever_they_are_stated(
    settings, service_database, tokens, execute, effects, shape
):
    shape(router := Router())
    app = keyed_app(settings, service_database, routers=[router])
    async with client_of(app, tokens.user("u1")) as client:
        refused = await client.post("/v1/shape", headers=KEY | {"Authorization": ""})
        assert (refused.status_code, execute("SELECT * FROM idempotency")) == (401, [])
        responses = [await client.post("/v1/shape", headers=KEY) for _ in range(2)]
    assert [is_first(each) for each in responses] == [True, False]
    assert [each.status_code for each in responses] == [201, 201]
    assert effects() == 1


@pytest.mark.parametrize("dependencies", [[PUBLIC, IDEMPOTENT], [REQUIRES_KEY, PUBLIC]])
async def test_a_route_whose_callers_are_unknown_does_not_start_with_keys(settings, service_database, dependencies):
    in_lists(router := Router(), *dependencies)
    with pytest.raises(RuntimeError, match="POST /v1/shape"):
        keyed_app(settings, service_database, routers=[router])


def test_an_application_without_a_database_does_not_start_with_keys(settings):
    with pytest.raises(RuntimeError, match="POST /v1/effects"):
        keyed_app(settings, None)


async def test_a_route_may_require_a_key(client, post, effects):
    response = await post("/v1/charges", key=None)
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "header.Idempotency-Key", "message": "Field required"}]
    assert (await client.post("/v1/charges", headers={"Authorization": ""})).status_code == 401
    assert effects() == 0


async def test_the_document_says_where_a_key_is_taken_and_where_it_is_required(client):
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path, is_required in zip(PATHS, (False, True), strict=True):
        (header,) = paths[path]["post"]["parameters"]
        assert (header["name"], header.get("required", False)) == ("Idempotency-Key", is_required)
        assert {"409", "422", "503"} <= {*paths[path]["post"]["responses"]}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("keys", [[b""], [b"a b"], [b"x" * 201], [b"\xe9"], [b"a", b"b"]])
async def test_what_is_no_key_is_refused_by_the_name_of_the_header(client, effects, execute, path, keys):
    response = await client.post(path, json=TEA, headers=[(b"Idempotency-Key", key) for key in keys])
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "header.Idempotency-Key")
    assert (effects(), execute("SELECT * FROM idempotency")) == (0, [])


async def test_a_use_case_learns_under_which_key_it_runs(post, execute):
    await post("/v1/charges")
    assert execute("SELECT name FROM effects") == [("user:u1 POST /v1/charges k1",)]


@pytest.fixture
def away(database_url, postgres_server):
    """Takes the database away."""
    name = database_url.rsplit("/", 1)[1]

    def take():
        with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    return take


@pytest.mark.parametrize("is_required", [True, False])
async def test_without_its_database_a_service_does_no_work_for_a_key(settings, database_url, tokens, away, is_required):
    app, runs = keyed_app(settings, Database(database_url, is_required=is_required)), []
    app.state.work = runs.append
    away()
    async with client_of(app, tokens.user("u1")) as client:
        response = await client.post("/v1/charges", json=TEA, headers=KEY)
    assert (response.status_code, "retry-after" in response.headers, runs) == (503, True, [])


async def test_a_database_that_goes_away_during_the_work_leaves_the_claim_to_its_deadline(app, post, away, caplog):
    async def work(_):
        away()
        raise Unavailable("The bank does not answer.")

    app.state.work = work
    response = await post("/v1/charges")
    assert (response.status_code, response.json()["detail"]) == (503, "The bank does not answer.")
    assert "stays claimed until its deadline" in caplog.text


async def test_old_keys_are_forgotten_a_few_at_a_time(post, execute):
    execute("""
        INSERT INTO idempotency (scope, key, fingerprint, attempt, claimed_at, deadline)
        SELECT 's', number::text, '', 1, now() - interval '25 hours', now() - interval '25 hours'
        FROM generate_series(1, 25) AS number
    """)
    await post()
    assert len(execute("SELECT * FROM idempotency")) == 16


async def test_a_key_of_yesterday_is_new(post, execute, effects):
    await post()
    execute("UPDATE idempotency SET claimed_at = now() - interval '25 hours'")
    assert is_first(await post(body={"name": "cup"}))
    assert effects() == 2


@pytest.mark.parametrize(
    "answer", [lambda: "x" * MOST_KEPT_BYTES, lambda: StreamingResponse(iter(["x"]))], ids=["large", "stream"]
)
async def test_an_answer_that_cannot_be_kept_undoes_its_work(
    settings, service_database, tokens, effects, execute, answer
):
    router = Router()

    @router.post("/v1/answers", dependencies=[USER, IDEMPOTENT], response_model=None)
    async def work(session: Session, _: Request):
        await session.execute(WRITE, {"name": "tea"})
        return answer()

    async with client_of(keyed_app(settings, service_database, routers=[router]), tokens.user("u1")) as client:
        assert (await client.post("/v1/answers", headers=KEY)).status_code == 500
    assert (effects(), [row.body for row in execute("SELECT * FROM idempotency")]) == (0, [None])
