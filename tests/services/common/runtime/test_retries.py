import time

import httpx2
import pytest

from services.common.runtime.answers import CallFailedError
from services.common.runtime.deadline import deadline
from services.common.runtime.http_client import ServiceClient
from services.common.runtime.retries import ATTEMPTS, BUDGET_RESERVE, FIRST_PAUSE, Retries, RetryBudget
from tests.misbehaving import ANSWERS, misbehaving, whole

SOON = httpx2.Response(503, headers={"Retry-After": "0"})


class Shop:
    """A client of a service that answers with these in turn; the last one stays. `attempts` are the requests it got."""

    def __init__(self, *answers, timeout=2.0):
        self.attempts = []
        self._answers = list(answers)
        transport = httpx2.MockTransport(self._answer)
        self.client = ServiceClient("catalog", "http://catalog", timeout=timeout, transport=transport)

    def _answer(self, request):
        self.attempts.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer) if isinstance(answer, int) else answer

    async def status(self, method="GET", **options):
        try:
            return (await self.client.request(method, "/", **options)).status_code
        except CallFailedError:
            return None


@pytest.fixture
def inner():
    """What is done meanwhile is done for a request that came with a deadline."""
    token = deadline.set(time.monotonic() + 10)
    yield
    deadline.reset(token)


@pytest.mark.parametrize("passing", [502, 503, 504, httpx2.ConnectError("refused"), httpx2.ReadError("reset")])
async def test_a_failure_that_passes_is_not_seen(passing):
    assert await Shop(passing, passing, 200).status() == 200


async def test_a_connection_that_breaks_is_tried_again_at_a_real_server():
    with misbehaving(ANSWERS["nothing"]) as server:
        client = ServiceClient("catalog", server.url)
        with pytest.raises(CallFailedError):
            await client.request("GET", "/")
        await client.close()
    assert len(server.visits) == ATTEMPTS


async def test_a_failure_that_stays_is_told_after_three_attempts():
    shop = Shop(503)
    assert await shop.status() == 503
    assert len(shop.attempts) == ATTEMPTS == 3


@pytest.mark.usefixtures("inner")
async def test_the_call_of_a_request_with_a_deadline_is_left_to_who_set_it():
    shop = Shop(503, 200)
    assert await shop.status() == 503
    assert len(shop.attempts) == 1


@pytest.mark.parametrize("failure", [503, httpx2.ReadError("reset")])
async def test_what_may_have_been_done_is_not_done_again(failure):
    shop = Shop(failure, 200)
    await shop.status("POST")
    assert len(shop.attempts) == 1


async def test_what_never_arrived_is_sent_again():
    assert await Shop(httpx2.ConnectError("refused"), 200).status("POST") == 200


async def test_what_has_an_idempotency_key_is_sent_again_with_it():
    shop = Shop(503, 200)
    assert await shop.status("POST", headers={"Idempotency-Key": "7"}) == 200
    assert [each.headers["idempotency-key"] for each in shop.attempts] == ["7", "7"]


@pytest.mark.parametrize("status", [200, 404, 409, 429, 500])
async def test_other_answers_stand(status):
    shop = Shop(status)
    assert await shop.status() == status
    assert len(shop.attempts) == 1


async def test_slowness_is_not_asked_for_again():
    shop = Shop(httpx2.ReadTimeout("slow"))
    assert await shop.status() is None
    assert len(shop.attempts) == 1


async def test_garbage_is_not_asked_for_again():
    with misbehaving([whole(b"<html>")]) as server:
        client = ServiceClient("catalog", server.url)
        with pytest.raises(CallFailedError):
            await client.read(dict, "GET", "/")
        await client.close()
    assert len(server.visits) == 1


@pytest.mark.parametrize("after", ["2", "86400", "Fri, 27 Nov 2026 09:00:00 GMT", "soon"])
async def test_a_service_that_asks_for_more_time_than_there_is_is_not_asked_again(after):
    shop = Shop(httpx2.Response(503, headers={"Retry-After": after}), 200)
    assert await shop.status() == 503
    assert len(shop.attempts) == 1


def test_no_attempt_comes_before_the_service_wants_it():
    retries = Retries(RetryBudget(), "GET", (), time.monotonic() + 60)
    assert 7 <= retries.pause_after(httpx2.Response(503, headers={"Retry-After": "7"})) <= 7 + FIRST_PAUSE


def test_pauses_are_random_and_grow():
    def pauses():
        retries = Retries(RetryBudget(), "GET", (), time.monotonic() + 60)
        return [retries.pause_after(SOON) for _ in range(ATTEMPTS - 1)]

    first, second = zip(*(pauses() for _ in range(200)), strict=True)
    assert len(set(first)) > 100
    assert 0 <= min(first) < FIRST_PAUSE / 4
    assert FIRST_PAUSE * 3 / 4 < max(first) <= FIRST_PAUSE < max(second) <= 2 * FIRST_PAUSE


async def test_each_attempt_is_told_the_time_that_is_left():
    shop = Shop(httpx2.Response(503, headers={"Retry-After": "1"}), 200, timeout=1.5)
    assert await shop.status() == 200
    first, second = (int(each.headers["x-deadline-ms"]) for each in shop.attempts)
    assert (first > 1000, second <= 500) == (True, True)


async def test_the_attempts_at_one_call_are_failures_of_their_own_to_the_circuit():
    shop = Shop(httpx2.ConnectError("refused"))
    assert [await shop.status() for _ in range(3)] == [None] * 3
    assert len(shop.attempts) == 5


def test_retries_are_a_tenth_of_the_calls_and_a_small_reserve():
    budget = RetryBudget()
    taken = 0
    for _ in range(1000):
        budget.add_call()
        taken += budget.take_retry()
    assert BUDGET_RESERVE + 98 <= taken <= BUDGET_RESERVE + 100


async def test_a_client_whose_budget_is_spent_tries_once():
    shop = Shop(*[503, 200] * 20)
    statuses = [await shop.status() for _ in range(20)]
    assert statuses[: int(BUDGET_RESERVE)] == [200] * int(BUDGET_RESERVE)
    assert 503 in statuses
