import psycopg
import pytest
from cryptography.exceptions import InvalidTag

from services.auth.models import LoginSession
from services.auth.sessions import _seal, _unseal

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_confirmed_address_can_log_in(register, log_in, events):
    await register("anna@example.com")
    answer = await log_in("Anna@Example.com")
    assert {"userId", "accessToken", "tokenType", "expiresIn", "refreshToken", "refreshExpiresIn"} == answer.keys()
    assert [kind for kind, _ in events(answer["userId"])] == [
        "USER_REGISTERED",
        "USER_EMAIL_CONFIRMED",
        "USER_REGISTER_COMPLETE",
        "USER_AUTHENTICATED",
        "USER_LOGIN",
    ]


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(register, post):
    await register("berta@example.com")
    wrong = await post("/sessions", email="berta@example.com", password="not her password")
    unknown = await post("/sessions", email="nobody@example.com", password="not her password")
    assert (wrong.status_code, wrong.json()["title"]) == (401, "Wrong credentials")
    assert {**wrong.json(), "traceId": 0} == {**unknown.json(), "traceId": 0}


async def test_a_refresh_gives_new_tokens_and_uses_up_the_old_one(shopper, post):
    first = await shopper("carla@example.com")
    second = (await post("/sessions/refresh", refreshToken=first["refreshToken"])).json()
    third = await post("/sessions/refresh", refreshToken=second["refreshToken"])
    assert third.status_code == 200
    assert len({first["refreshToken"], second["refreshToken"], third.json()["refreshToken"]}) == 3


async def test_two_tabs_that_refresh_at_once_get_the_same_refresh_token(shopper, post):
    first = await shopper("dora@example.com")
    one, two = [(await post("/sessions/refresh", refreshToken=first["refreshToken"])).json() for _ in range(2)]
    assert one["refreshToken"] == two["refreshToken"]
    assert (await post("/sessions/refresh", refreshToken=two["refreshToken"])).status_code == 200


async def test_a_refresh_token_of_before_the_last_one_ends_the_session(shopper, post, events):
    first = await shopper("emma@example.com")
    second = (await post("/sessions/refresh", refreshToken=first["refreshToken"])).json()
    third = (await post("/sessions/refresh", refreshToken=second["refreshToken"])).json()
    reused = await post("/sessions/refresh", refreshToken=first["refreshToken"])
    after = await post("/sessions/refresh", refreshToken=third["refreshToken"])
    assert [(each.status_code, each.json()["title"]) for each in (reused, after)] == [(401, "Session ended")] * 2
    assert events(first["userId"])[-1][0] == "SESSIONS_REVOKED"


async def test_who_knows_no_token_of_a_session_cannot_end_it(shopper, post):
    first = await shopper("frida@example.com")
    family = first["refreshToken"].partition(".")[0]
    assert (await post("/sessions/refresh", refreshToken=f"{'x' * len(family)}.{'y' * 43}")).status_code == 401
    assert (await post("/sessions/refresh", refreshToken=first["refreshToken"])).status_code == 200


async def test_logout_ends_the_session(shopper, post, events):
    first = await shopper("gerda@example.com")
    assert (await post("/sessions/current", first["accessToken"], method="DELETE")).status_code == 204
    assert (await post("/sessions/refresh", refreshToken=first["refreshToken"])).status_code == 401
    assert (await post("/sessions/current", first["accessToken"], method="DELETE")).status_code in (204, 401)
    assert [kind for kind, _ in events(first["userId"])[-2:]] == ["SESSIONS_REVOKED", "USER_LOGOUT"]
    assert [kind for kind, _ in events(first["userId"])].count("USER_LOGOUT") == 1


async def test_a_session_ends_when_it_was_not_used_for_long_and_at_its_end(shopper, post, database_url):
    for address, change in (
        ("idle@example.com", "last_used_at = now() - interval '15 days'"),
        ("over@example.com", "expires_at = now()"),
    ):
        user = await shopper(address)
        with psycopg.connect(database_url) as connection:
            connection.execute(f"UPDATE sessions SET {change} WHERE user_id = %s", [user["userId"]])
        assert (await post("/sessions/refresh", refreshToken=user["refreshToken"])).status_code == 401


async def test_ten_wrong_passwords_are_followed_by_a_pause(register, post):
    await register("attacked@example.com")
    for _ in range(10):
        await post("/sessions", email="attacked@example.com", password="a wrong password")
    answer = await post("/sessions", email="attacked@example.com", password="a long enough secret")
    assert (answer.status_code, answer.json()["title"]) == (429, "Too many attempts")
    assert int(answer.headers["Retry-After"]) > 0


async def test_the_providers_token_is_readable_only_with_ours():
    sealed = LoginSession(provider_token=_seal("family.secret", "Cognito's"))
    assert _unseal("family.secret", sealed) == "Cognito's"
    with pytest.raises(InvalidTag):
        _unseal("family.other", sealed)
