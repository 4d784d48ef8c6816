import asyncio
import itertools
from contextlib import suppress

import pytest
import pytest_asyncio

from services.auth.attempts import Attempts, TooManyAttempts
from services.auth.provider import WrongCredentials
from services.common.runtime.errors import Unavailable
from stack.parts.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")
numbers = itertools.count()


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "redis"])
async def attempts(request):
    attempts = Attempts(request.getfixturevalue("valkey").url if request.param == "redis" else None)
    yield attempts
    await attempts.close()


@pytest.fixture
def email():
    return f"guessed-{next(numbers)}@example.com"


@pytest.fixture
def network():
    return f"network-{next(numbers)}"


async def fail(attempts, email, network):
    with pytest.raises(WrongCredentials):
        async with attempts.login(email, network):
            raise WrongCredentials


async def outcome(attempts, email, network):
    """What an attempt with a wrong password comes to."""
    try:
        await fail(attempts, email, network)
    except TooManyAttempts:
        return "refused"
    return "tried"


async def test_an_account_takes_ten_failures_from_an_address(attempts, email, network):
    for _ in range(10):
        await fail(attempts, email, network)
    with pytest.raises(TooManyAttempts) as refused:
        async with attempts.login(email.upper(), network):
            pytest.fail("the password is not even tried")
    assert 0 < int(refused.value.headers["Retry-After"]) <= 900
    async with attempts.login(email, "elsewhere"):
        pass


async def test_a_success_forgets_the_failures_before_it(attempts, email, network):
    for _ in range(3):
        for _ in range(9):
            await fail(attempts, email, network)
        async with attempts.login(email, network):
            pass


async def test_an_address_takes_a_hundred_failures_and_any_number_of_logins(attempts, email, network):
    for number in range(100):
        async with attempts.login(email, network):
            pass
        await fail(attempts, f"{number}-{email}", network)
    with pytest.raises(TooManyAttempts):
        async with attempts.login(email, network):
            pass


async def test_guessing_from_a_thousand_addresses_is_stopped_until_a_reset(attempts, email):
    outcomes = [await outcome(attempts, email, f"bot-{email}-{number}") for number in range(1_000)]
    assert outcomes.count("tried") == 100
    await attempts.open_again(email, "home")
    async with attempts.login(email, "home"):
        pass


async def test_attempts_at_once_are_counted(attempts, email, network):
    outcomes = await asyncio.gather(*(outcome(attempts, email, network) for _ in range(50)))
    assert outcomes.count("tried") == 10


async def test_an_outage_of_the_provider_is_not_the_callers_failure(attempts, email, network):
    for _ in range(11):
        with pytest.raises(Unavailable):
            async with attempts.login(email, network):
                raise Unavailable


async def test_mails_to_an_address_are_limited(attempts, email):
    for number in range(20):
        await attempts.mail("reset", email, f"place-{email}-{number}")
    with pytest.raises(TooManyAttempts):
        await attempts.mail("reset", email, "another place")


async def test_strangers_cannot_use_up_the_owners_tries_of_a_code(attempts, email):
    for number in range(30):
        with suppress(TooManyAttempts):
            await attempts.code("reset-code", email, f"stranger-{email}-{number % 2}")
    await attempts.code("reset-code", email, "the owner's place")


async def test_two_workers_count_together(valkey, email, network):
    workers = [Attempts(valkey.url) for _ in range(2)]
    for number in range(10):
        await fail(workers[number % 2], email, network)
    with pytest.raises(TooManyAttempts):
        async with workers[0].login(email, network):
            pass
    for worker in workers:
        await worker.close()


async def test_nobody_is_let_in_while_nothing_can_be_counted(email, network):
    attempts = Attempts("redis://127.0.0.1:9/0")
    with pytest.raises(Unavailable):
        async with attempts.login(email, network):
            pytest.fail("the password is not even tried")
    await attempts.close()


async def test_a_connection_that_a_restart_of_redis_broke_closes_no_login(tmp_path, email, network):
    with Valkey(tmp_path / "valkey") as server:
        attempts = Attempts(server.url)
        await fail(attempts, email, network)
        server.stop()
        server.start()
        await fail(attempts, email, network)
        await attempts.close()
