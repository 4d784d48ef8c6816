import asyncio
import time

import httpx2
import pytest

from services.common.breaker import Breaker, CircuitOpenError
from services.common.http import DEADLINE_HEADER, CallFailedError, DeadlineMiddleware, ServiceClient, deadline


@pytest.fixture
def calls():
    return []


@pytest.fixture
def client_of(calls):
    """A client whose service answers these statuses in turn; None is a broken connection."""

    def make(*statuses, **options):
        answers = iter(statuses)

        def answer(request):
            calls.append(request)
            status = next(answers)
            if status is None:
                raise httpx2.ConnectError("refused")
            return httpx2.Response(status)

        return ServiceClient("catalog", "http://catalog", transport=httpx2.MockTransport(answer), **options)

    return make


async def test_a_call_carries_the_token_and_the_time_that_is_left(client_of, calls):
    client = client_of(200, token=lambda: "secret", timeout=1.5)
    assert (await client.request("GET", "/v1/products/7")).status_code == 200
    assert calls[0].headers["authorization"] == "Bearer secret"
    assert 0 < int(calls[0].headers[DEADLINE_HEADER]) <= 1500


async def test_what_may_be_repeated_is_tried_again(client_of, calls):
    assert (await client_of(None, 503, 200, retries=2).request("GET", "/")).status_code == 200
    assert len(calls) == 3


async def test_what_may_not_be_repeated_is_tried_once(client_of, calls):
    with pytest.raises(CallFailedError):
        await client_of(None, 200, retries=2).request("POST", "/")
    assert len(calls) == 1


async def test_an_idempotency_key_makes_a_post_repeatable(client_of):
    response = await client_of(None, 200, retries=1).request("POST", "/", headers={"Idempotency-Key": "k"})
    assert response.status_code == 200


async def test_other_errors_of_the_service_are_given_back_at_once(client_of, calls):
    assert (await client_of(500, 200, retries=2).request("GET", "/")).status_code == 500
    assert len(calls) == 1


async def test_after_failures_in_a_row_the_service_is_not_asked(client_of, calls):
    client = client_of(*[None] * 9)
    for _ in range(9):
        with pytest.raises(CallFailedError):
            await client.request("GET", "/")
    assert len(calls) == 5


async def test_a_call_takes_no_longer_than_the_request_it_serves_may():
    async def slow(_request):
        await asyncio.sleep(30)

    client = ServiceClient("catalog", "http://catalog", timeout=20, transport=httpx2.MockTransport(slow))
    token = deadline.set(time.monotonic() + 0.1)
    with pytest.raises(CallFailedError):
        await asyncio.wait_for(client.request("GET", "/"), 5)
    deadline.reset(token)


@pytest.mark.parametrize(("value", "is_set"), [(b"1500", True), (b"-1", False), (b"soon", False), (b"9" * 40, False)])
async def test_a_deadline_header_is_taken_over_if_it_is_sane(value, is_set):
    seen = []

    async def app(_scope, _receive, _send):
        seen.append(deadline.get())

    await DeadlineMiddleware(app)({"type": "http", "headers": [(b"x-deadline-ms", value)]}, None, None)
    assert [each is not None for each in seen] == [is_set]
    assert deadline.get() is None


def test_an_open_circuit_lets_one_through_after_its_pause():
    breaker = Breaker(failures=1, pause=0)
    breaker.failed()
    breaker.check()
    patient = Breaker(failures=1, pause=60)
    patient.failed()
    with pytest.raises(CircuitOpenError):
        patient.check()
