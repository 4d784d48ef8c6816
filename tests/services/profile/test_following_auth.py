import psycopg
import pytest

from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def stored(database_url):
    """What the database has of users: {id: (email, version)}."""

    async def read():
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            rows = await (await connection.execute("SELECT id, email, version FROM users")).fetchall()
        return {name: (email, version) for name, email, version in rows}

    return read


@pytest.fixture
def becomes(stored):
    """To wait until a user has an address and a version; None is for a user who is not there."""

    async def wait(user_id, expected):
        await eventually(stored, lambda users: users.get(user_id) == expected)

    return wait


async def test_the_address_follows_the_account_and_is_told(registered, auth, becomes, events):
    await registered("anna")
    await auth.confirm("anna", "anna@new.example.com")
    await becomes("anna", ("anna@new.example.com", 2))
    changed = {"userId": "anna", "email": "anna@new.example.com", "profileVersion": 2}
    assert events("anna") == [
        ("USER_PROFILE_CREATED", {"userId": "anna", "email": "anna@example.com"}),
        ("USER_EMAIL_CHANGED", changed),
    ]


async def test_an_address_that_is_confirmed_again_changes_nothing(registered, auth, becomes, events):
    await registered("ben")
    await auth.confirm("ben", "ben@example.com")
    await auth.confirm("ben", "ben@new.example.com", version=3)
    await becomes("ben", ("ben@new.example.com", 2))
    assert len(events("ben")) == 2


async def test_an_event_that_comes_late_never_overwrites_a_newer_one(auth, becomes, events):
    await auth.confirm("carl", "carl@new.example.com", version=2)
    await auth.register("carl", "carl@old.example.com", version=1)
    await auth.register("after carl".replace(" ", "-"))
    await becomes("after-carl", ("after-carl@example.com", 1))
    await becomes("carl", ("carl@new.example.com", 1))
    assert events("carl") == [("USER_PROFILE_CREATED", {"userId": "carl", "email": "carl@new.example.com"})]


async def test_users_who_exchange_addresses_have_them_in_whatever_order_the_news_come(registered, auth, becomes):
    for user in ("dora", "emma"):
        await registered(user)
    await auth.confirm("dora", "emma@example.com", version=3)
    await becomes("dora", (None, 1))
    await auth.confirm("emma", "dora@example.com")
    await becomes("emma", ("dora@example.com", 2))
    await becomes("dora", ("emma@example.com", 2))


async def test_users_of_a_shop_that_told_no_addresses_are_many(auth, becomes, events):
    for user in ("import-1", "import-2"):
        await auth.register(user, email="")
        await becomes(user, (None, 1))
    assert events("import-1") == [("USER_PROFILE_CREATED", {"userId": "import-1", "email": ""})]


async def test_nothing_is_left_of_a_deleted_user_and_no_late_event_brings_it_back(
    registered, auth, becomes, events, database_url
):
    fred = await registered("fred")
    change = {"displayName": "Fred Secret"}
    assert (await fred.patch("/v1/users/me", json=change, headers={"Idempotency-Key": "k"})).status_code == 200
    await auth.delete("fred")
    await becomes("fred", None)
    await auth.confirm("fred", "fred@secret.example.com", version=9)
    await auth.register("gina")
    await becomes("gina", ("gina@example.com", 1))
    assert (await fred.get("/v1/users/me")).status_code == 404
    ((event_type, data),) = [told for told in events("fred") if told[0] != "USER_UPDATE"]
    assert (event_type, data["service"]) == ("USER_DATA_ERASED", "profile")
    with psycopg.connect(database_url) as connection:
        for table in ("users", "deleted_users", "outbox", "inbox", "idempotency"):
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            assert "Secret" not in str(rows), table
            assert "secret" not in str(rows), table


async def test_the_address_of_a_deleted_user_is_free(registered, auth, becomes):
    await registered("hans")
    await auth.delete("hans")
    await auth.register("ines", email="hans@example.com")
    await becomes("ines", ("hans@example.com", 1))
