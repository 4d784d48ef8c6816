import asyncio
import hashlib

import psycopg
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASSWORD, OTHER = "a long enough secret", "quite another secret"


async def test_registering_a_known_address_gets_the_same_answer_and_another_mail(register, post, mails):
    await register("known@example.com")
    answers = [await post("/registrations", email=f"{who}@example.com", password=OTHER) for who in ("known", "unknown")]
    assert [(each.status_code, each.content) for each in answers] == [(202, b"null")] * 2
    assert "code=" not in await mails.text("known@example.com", count=2)


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "passwordpassword",
        "tanawari12345678",
        "guessed@example.com",
        "aaaaaaaaaaaaaaaa",
        "123412341234123412",
        "ﷺ",
    ],
)
async def test_a_password_that_is_tried_first_is_refused_by_name(post, password):
    answer = await post("/registrations", email="guessed@example.com", password=password)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.password")


async def test_a_password_may_have_any_characters_however_they_are_typed(register, log_in):
    await register("kana@example.com", "ﾊﾟｽﾜｰﾄﾞは十五文字以上にします")
    await log_in("kana@example.com", "パスワードは十五文字以上にします")


async def test_a_code_confirms_once_and_only_its_address(post, mails):
    await post("/registrations", email="once@example.com", password=PASSWORD)
    code = await mails.code("once@example.com")
    for email, status in (("twice@example.com", 422), ("once@example.com", 204), ("once@example.com", 422)):
        assert (await post("/registrations/confirm", email=email, code=code)).status_code == status


async def test_an_address_is_confirmed_for_the_password_that_its_code_was_asked_with(post, mails, log_in):
    for count, password in enumerate((PASSWORD, OTHER), start=1):
        await post("/registrations", email="two@example.com", password=password)
        await mails.code("two@example.com", count)
    first = await mails.code("two@example.com", 1)
    assert (await post("/registrations/confirm", email="two@example.com", code=first)).status_code == 204
    await log_in("two@example.com", PASSWORD)
    second = await mails.code("two@example.com", 2)
    assert (await post("/registrations/confirm", email="two@example.com", code=second)).status_code == 422


async def test_a_mailbox_is_asked_in_a_form_that_every_mail_server_takes(post, mails, log_in):
    answer = await post("/registrations", email="花子@example.com", password=PASSWORD)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.email")
    await post("/registrations", email="hana@例え.jp", password=PASSWORD)
    code = await mails.code("hana@xn--r8jz45g.jp")
    assert (await post("/registrations/confirm", email="hana@例え.jp", code=code)).status_code == 204
    await log_in("hana@例え.jp")


async def test_a_task_that_nobody_can_do_holds_up_no_other(post, mails, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO tasks (kind, subject) VALUES ('cognito-delete', 'u1')")
    await post("/registrations", email="behind@example.com", password=PASSWORD)
    await mails.code("behind@example.com")
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM tasks WHERE kind = 'cognito-delete'")


async def test_a_code_that_is_too_old_is_refused(post, mails, database_url):
    await post("/registrations", email="late@example.com", password=PASSWORD)
    code = await mails.code("late@example.com")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE codes SET expires_at = now() WHERE email = 'late@example.com'")
    assert (await post("/registrations/confirm", email="late@example.com", code=code)).status_code == 422


async def test_no_code_and_no_token_is_readable_in_the_database(shopper, post, mails, database_url):
    user = await shopper("hidden@example.com")
    await post("/password-resets", email="hidden@example.com")
    code = await mails.code("hidden@example.com", 2)
    with psycopg.connect(database_url) as connection:
        codes = {bytes(row[0]) for row in connection.execute("SELECT hash FROM codes").fetchall()}
        tokens = {bytes(row[0]) for row in connection.execute("SELECT token_hash FROM sessions").fetchall()}
    assert hashlib.sha256(code.encode()).digest() in codes
    assert hashlib.sha256(user["refreshToken"].encode()).digest() in tokens


async def test_a_changed_password_ends_all_sessions(shopper, post, log_in, events):
    user = await shopper("changes@example.com")
    other = await log_in("changes@example.com")
    body = {"currentPassword": PASSWORD, "newPassword": OTHER}
    assert (await post("/password", user["accessToken"], method="PUT", **body)).status_code == 204
    for session in (user, other):
        assert (await post("/sessions/refresh", refreshToken=session["refreshToken"])).status_code == 401
    assert events(user["userId"])[-1] == ("SESSIONS_REVOKED", {"userId": user["userId"]})
    await log_in("changes@example.com", OTHER)


async def test_a_password_is_changed_only_by_the_current_one(shopper, post):
    user = await shopper("keeps@example.com")
    body = {"currentPassword": OTHER, "newPassword": OTHER}
    answer = await post("/password", user["accessToken"], method="PUT", **body)
    assert (answer.status_code, answer.json()["title"]) == (403, "Wrong password")


async def test_a_reset_sets_the_password_and_ends_all_sessions(shopper, post, mails, log_in):
    user = await shopper("forgets@example.com")
    await post("/password-resets", email="forgets@example.com")
    code = await mails.code("forgets@example.com", 2)
    body = {"email": "forgets@example.com", "code": code, "newPassword": OTHER}
    assert [(await post("/password-resets/confirm", **body)).status_code for _ in range(2)] == [204, 422]
    assert (await post("/sessions/refresh", refreshToken=user["refreshToken"])).status_code == 401
    await log_in("forgets@example.com", OTHER)


@pytest.mark.parametrize("by_reset", [True, False])
async def test_an_address_that_was_asked_for_by_the_old_password_is_not_had_by_it(shopper, post, mails, by_reset):
    name = f"robbed-{by_reset}".lower()
    user = await shopper(f"{name}@example.com")
    await post("/email-changes", user["accessToken"], email=f"{name}@evil.example", password=PASSWORD)
    stolen = await mails.code(f"{name}@evil.example")
    if by_reset:
        await post("/password-resets", email=f"{name}@example.com")
        body = {"code": await mails.code(f"{name}@example.com", 2), "newPassword": OTHER}
        assert (await post("/password-resets/confirm", email=f"{name}@example.com", **body)).status_code == 204
    else:
        body = {"currentPassword": PASSWORD, "newPassword": OTHER}
        assert (await post("/password", user["accessToken"], method="PUT", **body)).status_code == 204
    answer = await post("/email-changes/confirm", email=f"{name}@evil.example", code=stolen)
    assert answer.status_code == 422


@pytest.mark.parametrize(("path", "status"), [("/sessions", 401), ("/email-changes", 403), ("/password", 403)])
async def test_an_old_password_that_is_replaced_while_it_is_compared_opens_nothing(
    shopper, post, client, monkeypatch, path, status
):
    email = f"raced{path.replace('/', '-')}@example.com"
    token = (await shopper(email))["accessToken"]
    provider = client._transport.app.state.parts.provider
    sign_in = provider.sign_in

    async def overtaken(email, password):
        account = await sign_in(email, password)
        monkeypatch.undo()
        body = {"currentPassword": PASSWORD, "newPassword": OTHER}
        assert (await post("/password", token, method="PUT", **body)).status_code == 204
        return account

    monkeypatch.setattr(provider, "sign_in", overtaken)
    if path == "/password":
        answer = await post(path, token, method="PUT", currentPassword=PASSWORD, newPassword="what the thief wants")
    else:
        answer = await post(path, token, email=email, password=PASSWORD)
    assert answer.status_code == status


async def test_a_new_password_and_a_new_address_are_told_to_the_address_of_before(shopper, post, mails, log_in):
    user = await shopper("told@example.com")
    body = {"currentPassword": PASSWORD, "newPassword": OTHER}
    await post("/password", user["accessToken"], method="PUT", **body)
    user = await log_in("told@example.com", OTHER)
    await post("/email-changes", user["accessToken"], email="told-new@example.com", password=OTHER)
    code = await mails.code("told-new@example.com")
    await post("/email-changes/confirm", email="told-new@example.com", code=code)
    assert "password of your account was changed" in await mails.text("told@example.com", 2)
    assert "another address now" in await mails.text("told@example.com", 3)


async def test_a_code_for_a_reset_confirms_no_registration(shopper, post, mails):
    await shopper("mixes@example.com")
    await post("/password-resets", email="mixes@example.com")
    code = await mails.code("mixes@example.com", 2)
    assert (await post("/registrations/confirm", email="mixes@example.com", code=code)).status_code == 422


async def test_a_new_address_counts_once_it_is_confirmed(shopper, post, mails, log_in, events):
    user = await shopper("before@example.com")
    body = {"email": "after@example.com", "password": PASSWORD}
    assert (await post("/email-changes", user["accessToken"], **body)).status_code == 202
    await log_in("before@example.com")
    code = await mails.code("after@example.com")
    assert (await post("/email-changes/confirm", email="after@example.com", code=code)).status_code == 204
    assert (await log_in("after@example.com"))["userId"] == user["userId"]
    told = [data["email"] for kind, data in events(user["userId"]) if kind == "USER_EMAIL_CONFIRMED"]
    assert told == ["before@example.com", "after@example.com"]
    assert (await post("/sessions", email="before@example.com", password=PASSWORD)).status_code == 401


async def test_a_code_that_went_to_the_old_address_ends_with_it(shopper, post, mails):
    user = await shopper("old@example.com")
    await post("/password-resets", email="old@example.com")
    stale = await mails.code("old@example.com", 2)
    await post("/email-changes", user["accessToken"], email="new@example.com", password=PASSWORD)
    await post("/email-changes/confirm", email="new@example.com", code=await mails.code("new@example.com"))
    body = {"email": "old@example.com", "code": stale, "newPassword": OTHER}
    assert (await post("/password-resets/confirm", **body)).status_code == 422


async def test_a_deleted_account_leaves_no_personal_data(shopper, post, events, database_url):
    user = await shopper("leaves@example.com")
    answer = await post("/users/me", user["accessToken"], method="DELETE", password=PASSWORD)
    assert answer.status_code == 202
    assert {"USER_DELETED", "USER_DELETE"} <= {kind for kind, _ in events(user["userId"])}
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT status, email FROM auth_users WHERE id = %s", [user["userId"]]).fetchone()
        left = [
            connection.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", [user["userId"]]).fetchone()[0]
            for table in ("credentials", "sessions", "codes", "user_roles")
        ]
    assert (row, left) == (("DELETED", None), [0, 0, 0, 0])
    assert (await post("/sessions", email="leaves@example.com", password=PASSWORD)).status_code == 401


async def test_the_address_of_a_deleted_account_is_free_and_its_id_is_not_used_again(shopper, post, mails, log_in):
    first = await shopper("again@example.com")
    await post("/users/me", first["accessToken"], method="DELETE", password=PASSWORD)
    await post("/registrations", email="again@example.com", password=OTHER)
    code = await mails.code("again@example.com", 2)
    assert (await post("/registrations/confirm", email="again@example.com", code=code)).status_code == 204
    assert (await log_in("again@example.com", OTHER))["userId"] != first["userId"]


async def test_a_login_names_the_visitor_whose_token_verifies(register, log_in, tokens, events):
    await register("visited@example.com")
    visitor = "anon:0a1b2c3d-0a1b-4a1b-8a1b-0a1b2c3d4e5f"
    user_id = (await log_in("visited@example.com", **{"X-Visitor-Token": tokens.visitor(visitor)}))["userId"]
    for none in ("none", "x" * 5_000):
        await log_in("visited@example.com", **{"X-Visitor-Token": none})
    told = [data.get("visitorId") for kind, data in events(user_id) if kind == "USER_AUTHENTICATED"]
    assert told == [visitor, None, None]


async def test_logins_at_once_leave_as_many_sessions(register, log_in):
    await register("many@example.com")
    answers = await asyncio.gather(*(log_in("many@example.com") for _ in range(5)))
    assert len({each["refreshToken"] for each in answers}) == 5
