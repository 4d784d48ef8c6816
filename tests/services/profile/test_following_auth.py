import psycopg
import pytest

from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
GONE = "gone"


@pytest.fixture
def stored(database_url):
    """The addresses in the database: {id: email}."""

    async def read():
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            return dict(await (await connection.execute("SELECT id, email FROM users")).fetchall())

    return read


@pytest.fixture
def becomes(stored):
    """To wait until a user has an address: `GONE` where there is no such user."""

    async def wait(user_id, expected):
        await eventually(stored, lambda users: users.get(user_id, GONE) == expected)

    return wait


async def test_the_address_follows_the_account_and_is_told(registered, auth, becomes, events):
    await registered("anna")
    await auth.confirm("anna", "anna@new.example.com")
    await becomes("anna", "anna@new.example.com")
    changed = {"userId": "anna", "email": "anna@new.example.com", "profileVersion": 2}
    assert events("anna") == [
        ("USER_PROFILE_CREATED", {"userId": "anna", "email": "anna@example.com"}),
        ("USER_EMAIL_CHANGED", changed),
    ]


async def test_an_address_that_is_confirmed_again_changes_nothing(registered, auth, becomes, events):
    await registered("ben")
    await auth.confirm("ben", "ben@example.com")
    await auth.confirm("ben", "ben@new.example.com", version=3)
    await becomes("ben", "ben@new.example.com")
    assert len(events("ben")) == 2


async def test_an_event_that_comes_late_never_overwrites_a_newer_one(auth, becomes, events):
    await auth.confirm("carl", "carl@new.example.com", version=2)
    await auth.register("carl", "carl@old.example.com", version=1)
    await auth.is_followed("carl")
    await becomes("carl", "carl@new.example.com")
    assert events("carl") == [("USER_PROFILE_CREATED", {"userId": "carl", "email": "carl@new.example.com"})]


async def test_users_who_exchange_addresses_have_them_in_whatever_order_the_news_come(registered, auth, becomes):
    for user in ("dora", "emma"):
        await registered(user)
    await auth.confirm("dora", "emma@example.com", version=3)
    await becomes("dora", None)
    await auth.confirm("emma", "dora@example.com")
    await becomes("emma", "dora@example.com")
    await becomes("dora", "emma@example.com")


async def test_users_of_a_shop_that_told_no_addresses_are_many(auth, becomes, events):
    for user in ("import-1", "import-2"):
        await auth.register(user, email="")
        await becomes(user, None)
    assert events("import-1") == [("USER_PROFILE_CREATED", {"userId": "import-1", "email": ""})]


async def test_nothing_is_left_of_a_deleted_user_and_no_late_event_brings_it_back(
    registered, auth, becomes, events, calling, database_url
):
    fred = await registered("fred")
    change = {"displayName": "Fred Secret"}
    assert (await fred.patch("/v1/users/me", json=change, headers={"Idempotency-Key": "k"})).status_code == 200
    await auth.delete("fred")
    await becomes("fred", GONE)
    await auth.confirm("fred", "fred@secret.example.com", version=9)
    await auth.is_followed("fred")
    assert (await calling("otto", roles=("operator",)).get("/v1/users/fred")).status_code == 404
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
    await becomes("hans", GONE)
    await auth.register("ines", email="hans@example.com")
    await becomes("ines", "hans@example.com")
