"""What holds for each identity provider, in front of a real Postgres and Cognito's API over HTTP."""

import itertools

import psycopg
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from sqlalchemy import Engine, event

from services.auth.app import provider_of
from services.auth.mail import Mailer
from services.auth.provider import CodeRefused, WrongCredentials
from services.auth.tasks import TaskWorker
from services.auth.users import of_account
from services.common.runtime.errors import Unavailable
from services.common.storage.database import Database
from tests.services.auth.cognito import ANY_CODE, WRONG_CODE, verify
from tests.services.auth.mails import Mails

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASSWORD, OTHER = "Long enough, secret 1", "Another long secret 2"
numbers = itertools.count()


class Provided:
    """A provider, with a transaction for each call, as a request has one."""

    def __init__(self, settings):
        self.database = Database(settings.database_url)
        self.provider = provider_of(settings, self.database)
        self._tasks = TaskWorker(self.database, Mailer(settings), self.provider.tasks)
        self.mails = Mails(settings.mail_folder)
        self._is_cognito = settings.provider == "cognito"
        self.settings = settings

    async def call(self, name, *arguments, **more):
        async with self.database.sessions.begin() as session:
            return await getattr(self.provider, name)(session, *arguments, **more)

    async def settle(self):
        """Do the tasks that were left."""
        while await self._tasks.do_next():
            pass

    async def code(self, address, count=1):
        """The code of the mail of that number, whose address is verified by it."""
        await self.settle()
        if not self._is_cognito:
            return await self.mails.code(address, count)
        verify(self.settings, address)
        return ANY_CODE

    async def user_of(self, account):
        async with self.database.sessions.begin() as session:
            return await of_account(session, account)

    async def close(self):
        await self.provider.close()
        await self.database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["local", "cognito"])
async def provided(request, settings):
    changes = request.getfixturevalue("cognito").new_pool() if request.param == "cognito" else {}
    provided = Provided(settings.model_copy(update=changes))
    yield provided
    await provided.close()


@pytest.fixture
def address():
    return f"user-{next(numbers)}@example.com"


async def confirmed(provided, address, password=PASSWORD):
    """A confirmed account, and its user, in one transaction."""
    await provided.call("sign_up", address, password)
    code = await provided.code(address)
    async with provided.database.sessions.begin() as session:
        account = await provided.provider.confirm(session, address, code)
        await of_account(session, account)
    return account


async def test_a_confirmed_account_can_sign_in_by_its_password(provided, address):
    account = await confirmed(provided, address)
    again = await provided.provider.sign_in(address, PASSWORD)
    assert (again.subject, again.email) == (account.subject, address)


async def test_a_wrong_password_and_an_unknown_address_are_refused_alike(provided, address):
    await confirmed(provided, address)
    for email, password in ((address, OTHER), ("nobody@example.com", PASSWORD)):
        with pytest.raises(WrongCredentials):
            await provided.provider.sign_in(email, password)


async def test_an_account_that_is_not_confirmed_cannot_sign_in(provided, address):
    await provided.call("sign_up", address, PASSWORD)
    with pytest.raises(WrongCredentials):
        await provided.provider.sign_in(address, PASSWORD)


async def test_signing_up_a_known_address_changes_nothing_and_tells_nothing(provided, address):
    await confirmed(provided, address)
    await provided.call("sign_up", address, OTHER)
    await provided.settle()
    assert (await provided.provider.sign_in(address, PASSWORD)).email == address
    with pytest.raises(WrongCredentials):
        await provided.provider.sign_in(address, OTHER)


async def test_a_code_of_an_unknown_address_is_refused(provided):
    with pytest.raises(CodeRefused):
        await provided.call("confirm", "unknown@example.com", ANY_CODE)


async def test_a_password_is_changed_by_the_current_one(provided, address):
    await confirmed(provided, address)
    with pytest.raises(WrongCredentials):
        await provided.call("change_password", address, OTHER, OTHER)
    await provided.call("change_password", address, PASSWORD, OTHER)
    await provided.provider.sign_in(address, OTHER)
    with pytest.raises(WrongCredentials):
        await provided.provider.sign_in(address, PASSWORD)


async def test_a_forgotten_password_is_reset_by_a_code(provided, address):
    account = await confirmed(provided, address)
    await provided.call("ask_reset", address)
    reset = await provided.call("reset", address, await provided.code(address, count=2), OTHER)
    assert reset.subject == account.subject
    await provided.provider.sign_in(address, OTHER)


async def test_asking_to_reset_an_unknown_address_tells_nothing(provided):
    await provided.call("ask_reset", "unknown@example.com")
    await provided.settle()
    assert provided.mails.all("unknown@example.com") == []


async def test_a_session_goes_on_as_long_as_the_provider_says_so(provided, address):
    await confirmed(provided, address)
    token = (await provided.provider.sign_in(address, PASSWORD)).refresh_token
    renewed = await provided.provider.renew(token)
    await provided.provider.renew(renewed)


async def test_a_deleted_account_cannot_sign_in_and_may_be_deleted_again(provided, address):
    account = await confirmed(provided, address)
    for _ in range(2):
        await provided.call("delete", account.subject)
        await provided.settle()
    with pytest.raises(WrongCredentials):
        await provided.provider.sign_in(address, PASSWORD)


async def test_an_account_is_disabled_and_enabled(provided, address):
    account = await confirmed(provided, address)
    for is_enabled in (False, True):
        await provided.call("enable", account.subject, is_enabled=is_enabled)
        await provided.settle()
    await provided.provider.sign_in(address, PASSWORD)


@pytest.fixture
def work(monkeypatch):
    """Records what the local provider does: the hashes that it computes, and its statements."""
    done = []
    for name in ("hash", "verify"):
        compute = getattr(PasswordHasher, name)
        monkeypatch.setattr(
            PasswordHasher, name, lambda *given, name=name, compute=compute: done.append(name) or compute(*given)
        )

    def record(_, __, statement, *___):
        done.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    yield done
    event.remove(Engine, "before_cursor_execute", record)


@pytest.mark.parametrize("provided", ["local"], indirect=True)
@pytest.mark.parametrize("asked", ["sign_up", "ask_reset", "sign_in"])
async def test_the_same_is_done_for_a_known_and_an_unknown_address(provided, address, work, asked):
    await confirmed(provided, address)
    done = []
    for email in (address, f"unknown-{address}"):
        work.clear()
        if asked == "sign_in":
            with pytest.raises(WrongCredentials):
                await provided.provider.sign_in(email, OTHER)
        else:
            await provided.call(asked, *[email, OTHER][: 1 + (asked == "sign_up")])
        done.append(list(work))
    await provided.settle()
    assert done[0] == done[1]
    assert done[0] != []


@pytest.mark.parametrize("provided", ["local"], indirect=True)
async def test_a_hash_of_another_cost_is_made_anew_at_the_next_login(provided, address, settings):
    account = await confirmed(provided, address)
    with psycopg.connect(settings.database_url) as connection:
        cheap = PasswordHasher.from_parameters(CHEAPEST).hash(PASSWORD)
        connection.execute("UPDATE credentials SET password_hash = %s WHERE user_id = %s", [cheap, account.subject])
    await provided.provider.sign_in(address, PASSWORD)
    with psycopg.connect(settings.database_url) as connection:
        query = "SELECT password_hash FROM credentials WHERE user_id = %s"
        (stored,) = connection.execute(query, [account.subject]).fetchone()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await provided.provider.sign_in(address, PASSWORD)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(cognito, settings):
    provided = Provided(settings.model_copy(update=cognito.new_pool()))
    yield provided
    await provided.close()


async def test_a_disabled_account_cannot_sign_in(pool, address):
    account = await confirmed(pool, address)
    await pool.call("enable", account.subject, is_enabled=False)
    await pool.settle()
    with pytest.raises(WrongCredentials):
        await pool.provider.sign_in(address, PASSWORD)


async def test_a_changed_address_signs_in_and_the_old_one_does_not(pool, address):
    account = await confirmed(pool, address)
    await pool.call("change_email", account.subject, f"new-{address}")
    await pool.settle()
    assert (await pool.provider.sign_in(f"new-{address}", PASSWORD)).subject == account.subject
    with pytest.raises(WrongCredentials):
        await pool.provider.sign_in(address, PASSWORD)


async def test_an_account_whose_address_is_not_verified_is_nobodys(pool, address):
    await confirmed(pool, address)
    verify(pool.settings, address, is_verified=False)
    with pytest.raises(WrongCredentials):
        await pool.provider.sign_in(address, PASSWORD)
    with pytest.raises(CodeRefused):
        await pool.call("reset", address, ANY_CODE, OTHER)


async def test_a_wrong_code_resets_nothing(pool, address):
    await confirmed(pool, address)
    await pool.call("ask_reset", address)
    with pytest.raises(CodeRefused):
        await pool.call("reset", address, WRONG_CODE, OTHER)
    await pool.provider.sign_in(address, PASSWORD)


async def test_a_known_address_is_asked_for_no_more_than_an_unknown_one_before_the_answer(pool, address, monkeypatch):
    await confirmed(pool, address)
    call, asked = pool.provider._call, []
    monkeypatch.setattr(pool.provider, "_call", lambda name, *given: asked.append(name) or call(name, *given))
    for email in (address, f"unknown-{address}"):
        await pool.call("sign_up", email, PASSWORD)
    assert asked == ["sign_up", "sign_up"]
    await pool.settle()
    assert asked == ["sign_up", "sign_up", "resend_confirmation_code"]


async def test_a_refresh_token_that_is_none_ends_the_session(pool):
    with pytest.raises(WrongCredentials):
        await pool.provider.renew("none of Cognito's")


async def test_an_account_that_only_cognito_knows_becomes_a_user_at_login(pool, address):
    await pool.call("sign_up", address, PASSWORD)
    await pool.call("confirm", address, await pool.code(address))  # and then the process was killed
    account = await pool.provider.sign_in(address, PASSWORD)
    user = await pool.user_of(account)
    assert (user.id, user.cognito_id, user.email) == (account.subject, account.subject, address)


async def test_while_cognito_is_away_nobody_is_let_in(cognito, settings):
    away = {**cognito.new_pool(), "cognito_endpoint_url": "http://127.0.0.1:9"}
    provided = Provided(settings.model_copy(update=away))
    with pytest.raises(Unavailable):
        await provided.provider.sign_in("anna@example.com", PASSWORD)
    await provided.close()
