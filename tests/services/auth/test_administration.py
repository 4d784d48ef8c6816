import json

import psycopg
import pytest

from services.auth.admin import main, make_admin
from services.common.storage.database import Database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def admin(tokens):
    return tokens.user("the-admin", roles=["admin"])


@pytest.fixture
def importing(client, tokens):
    """Sends lines to `/v1/auth/users/bulk`; gives the results."""

    async def send(*lines):
        headers = {
            **tokens.header(tokens.service("importer", "auth")),
            "Content-Type": "application/x-ndjson",
        }
        body = "\n".join(json.dumps(line) for line in lines)
        answer = await client.post("/v1/auth/users/bulk", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    return send


@pytest.fixture
def get(client, tokens):
    async def read(path, token):
        return await client.get(f"/v1/auth{path}", headers=tokens.header(token))

    return read


async def test_a_role_is_given_and_taken_and_each_change_is_told_once(shopper, post, get, admin, events):
    user_id = (await shopper("role@example.com"))["userId"]
    for method in ("PUT", "PUT", "DELETE", "DELETE"):
        assert (await post(f"/users/{user_id}/roles/analyst", admin, method=method)).status_code == 204
    told = [data["roles"] for kind, data in events(user_id) if kind == "USER_ROLES_CHANGED"]
    assert told == [["customer", "analyst"], ["customer"]]
    assert (await get(f"/users/{user_id}", admin)).json()["roles"] == ["customer"]


async def test_a_login_has_the_roles_of_its_user(shopper, log_in, post, admin, client, tokens):
    user_id = (await shopper("operates@example.com"))["userId"]
    await post(f"/users/{user_id}/roles/operator", admin, method="PUT")
    token = (await log_in("operates@example.com"))["accessToken"]
    assert (await client.get("/v1/auth/users", headers=tokens.header(token))).status_code == 200


async def test_a_user_is_found_by_the_whole_address_whatever_its_case(shopper, get, admin, tokens):
    user_id = (await shopper("found@example.com"))["userId"]
    found = (await get("/users?email=Found@example.com", admin)).json()
    assert ([each["id"] for each in found["items"]], found["nextCursor"]) == ([user_id], None)
    assert (await get("/users?email=nobody@example.com", admin)).json()["items"] == []
    assert (await get("/users?email=found", admin)).status_code == 422
    assert (await get("/users?email=found@example.com", tokens.user(user_id))).status_code == 403


async def test_only_an_administrator_gives_roles(shopper, post, tokens):
    user = await shopper("wants-more@example.com")
    for token in (user["accessToken"], tokens.user("o", roles=["operator"]), tokens.service("importer", "auth")):
        answer = await post(f"/users/{user['userId']}/roles/admin", token, method="PUT")
        assert answer.status_code == 403


async def test_an_administrator_cannot_lock_himself_out(shopper, post, tokens):
    user_id = (await shopper("locked-out@example.com"))["userId"]
    own = tokens.user(user_id, roles=["admin"])
    assert (await post(f"/users/{user_id}/roles/admin", own, method="DELETE")).status_code == 409
    assert (await post(f"/users/{user_id}/disable", own)).status_code == 409


async def test_a_disabled_user_cannot_log_in_or_refresh_until_enabled(shopper, post, log_in, admin, events):
    user = await shopper("disabled@example.com")
    assert (await post(f"/users/{user['userId']}/disable", admin)).status_code == 204
    answer = await post("/sessions", email="disabled@example.com", password="a long enough secret")
    assert (answer.status_code, answer.json()["title"]) == (403, "Account closed")
    assert (await post("/sessions/refresh", refreshToken=user["refreshToken"])).status_code == 401
    assert (await post(f"/users/{user['userId']}/enable", admin)).status_code == 204
    await log_in("disabled@example.com")
    kinds = [kind for kind, _ in events(user["userId"])]
    assert [kind for kind in kinds if kind in ("USER_DISABLED", "USER_ENABLED")] == ["USER_DISABLED", "USER_ENABLED"]


async def test_users_are_listed_page_by_page(shopper, get, admin):
    for name in "abc":
        await shopper(f"listed-{name}@example.com")
    found, cursor = [], ""
    while cursor is not None:
        page = (await get(f"/users?limit=2{cursor and f'&cursor={cursor}'}", admin)).json()
        found += [user["id"] for user in page["items"]]
        cursor = page.get("nextCursor")
    assert found == sorted(set(found))
    assert len(found) >= 3


async def test_imported_users_are_made_once_and_can_choose_a_password(importing, post, mails, log_in, events):
    line = {"userId": "household-1", "email": "h1@example.com", "registeredAt": "2024-02-03T04:05:06Z"}
    assert [each["status"] for each in await importing(line, line)] == ["created", "unchanged"]
    assert [each["status"] for each in await importing(line)] == ["unchanged"]
    await post("/password-resets", email="H1@example.com")
    code = await mails.code("h1@example.com")
    body = {"email": "h1@example.com", "code": code, "newPassword": "a much better secret"}
    assert (await post("/password-resets/confirm", **body)).status_code == 204
    assert (await log_in("h1@example.com", "a much better secret"))["userId"] == "household-1"
    told = events("household-1")[:3]
    assert [kind for kind, _ in told] == ["USER_REGISTERED", "USER_EMAIL_CONFIRMED", "USER_REGISTER_COMPLETE"]
    assert told[1][1]["email"] == "h1@example.com"  # as it was, and not as somebody has spelt it


async def test_who_registers_the_address_of_an_imported_user_sets_no_password(importing, post, mails, database_url):
    await post("/registrations", email="h2@example.com", password="a stranger's password")
    early = await mails.code("h2@example.com")
    await importing({"userId": "household-2", "email": "h2@example.com"})
    await post("/registrations", email="h2@example.com", password="a stranger's password")
    assert "/account/reset\n" in await mails.text("h2@example.com", 2)
    assert (await post("/registrations/confirm", email="h2@example.com", code=early)).status_code == 422
    with psycopg.connect(database_url) as connection:
        query = "SELECT count(*) FROM credentials WHERE user_id = 'household-2'"
        assert connection.execute(query).fetchone() == (0,)


async def test_a_history_that_names_a_deleted_user_is_imported_without_making_the_user_again(
    importing, shopper, post, get, admin
):
    user = await shopper("was-here@example.com")
    await post("/users/me", user["accessToken"], method="DELETE", password="a long enough secret")
    lines = {"userId": user["userId"], "email": "was-here@example.com"}, {"userId": "household-4"}
    assert [each["status"] for each in await importing(*lines)] == ["deleted", "created"]
    assert (await get(f"/users/{user['userId']}", admin)).json()["status"] == "DELETED"


async def test_a_line_that_cannot_be_a_user_is_refused_with_its_field(importing, shopper):
    await shopper("has-it@example.com")
    refused = await importing(
        {"userId": "anon:7"}, {"userId": "household-3", "email": "no"}, {"userId": "h4", "email": "has-it@example.com"}
    )
    assert [(each["status"], each["errors"][0]["field"]) for each in refused] == [
        ("refused", "userId"),
        ("refused", "email"),
        ("refused", "email"),
    ]


async def test_no_user_has_an_address_that_is_taken(importing):
    refused = await importing(*({"userId": each} for each in ("me", ".", "..")))
    assert [each["status"] for each in refused] == ["refused"] * 3


async def test_an_operator_views_as_a_user_without_roles_and_is_recorded(importing, post, tokens, client, database_url):
    await importing({"userId": "viewed"})
    answer = await post("/users/viewed/view-as", tokens.user("oscar", roles=["operator"]))
    assert answer.status_code == 201
    principal = await client._transport.app.state.verifier.verify(answer.json()["accessToken"])
    assert (principal.subject, principal.actor, principal.roles) == ("viewed", "user:oscar", frozenset())
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT actor FROM view_as WHERE user_id = 'viewed'").fetchall()
    assert rows == [("user:oscar",)]


async def test_without_a_preview_the_gateway_cannot_view_as_a_user(importing, post, tokens):
    await importing({"userId": "not-viewed"})
    answer = await post("/users/not-viewed/view-as", tokens.service("gateway", "auth"))
    assert (answer.status_code, answer.json()["title"]) == (403, "No preview")


async def test_the_first_administrator_is_made_by_a_command(database_url, get, admin):
    database = Database(database_url)
    user_id = await make_admin(database, "first@example.com")
    assert await make_admin(database, "First@example.com") == user_id
    await database.close()
    assert "admin" in (await get(f"/users/{user_id}", admin)).json()["roles"]


async def test_the_published_keys_are_served(client, tokens):
    keys = (await client.get("/v1/auth/keys")).json()["keys"]
    assert keys == tokens.keyring.keys()


async def test_the_export_has_what_is_stored_of_a_user_and_no_secret(shopper, post, client, tokens):
    user = await shopper("keeps@example.com")
    user_id = user["userId"]
    await post(f"/users/{user_id}/view-as", tokens.user("otto", roles=["operator"]))
    headers = tokens.header(tokens.service("profile", "auth"))
    told = (await client.get(f"/v1/exports/{user_id}", headers=headers)).json()
    assert (told["id"], told["email"], told["roles"], told["status"]) == (
        user_id,
        "keeps@example.com",
        ["customer"],
        "ACTIVE",
    )
    assert told["lastLoginAt"] >= told["createdAt"]
    assert [set(each) for each in told["sessions"]] == [{"createdAt", "lastUsedAt", "expiresAt", "revokedAt"}]
    assert len(told["viewedAt"]) == 1
    assert (await client.get("/v1/exports/nobody", headers=headers)).status_code == 404


async def test_the_command_for_an_administrator_says_which_variable_it_needs(monkeypatch):
    monkeypatch.delenv("AUTH_DATABASE_URL", raising=False)
    monkeypatch.setattr("sys.argv", ["admin", "hana@example.com"])
    with pytest.raises(SystemExit, match="AUTH_DATABASE_URL is not set"):
        main()
