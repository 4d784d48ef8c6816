import asyncio
import gzip
import time
from functools import partial
from types import SimpleNamespace

import httpx2
import pytest
import uvicorn

from services.common.runtime.answers import CallFailedError
from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.deadline import DEADLINE_HEADER, DeadlineMiddleware, deadline
from services.common.runtime.http_client import KEPT_ALIVE_SECONDS, ServiceClient


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


@pytest.fixture
def sleepy():
    """A client of a service that answers everything but `/slow` in time."""

    async def answer(request):
        await asyncio.sleep(30 if request.url.path == "/slow" else 0)
        return httpx2.Response(200)

    return partial(ServiceClient, "catalog", "http://catalog", transport=httpx2.MockTransport(answer))


@pytest.fixture
def granted():
    """Sets how many seconds the request that is being answered has left."""
    before = deadline.get()
    yield lambda seconds: deadline.set(None if seconds is None else time.monotonic() + seconds)
    deadline.set(before)


async def test_a_call_carries_the_time_that_is_left(client_of, calls):
    assert (await client_of(200, timeout=1.5).request("GET", "/v1/products/7")).status_code == 200
    assert 0 < int(calls[0].headers[DEADLINE_HEADER]) <= 1500


async def test_after_failures_in_a_row_the_service_is_not_asked(client_of, calls):
    client = client_of(*[None] * 9)
    for _ in range(9):
        with pytest.raises(CallFailedError):
            await client.request("GET", "/")
    assert len(calls) == 5


async def times_out(client):
    with pytest.raises(CallFailedError):
        await asyncio.wait_for(client.request("GET", "/slow"), 5)


async def test_a_call_takes_no_longer_than_the_request_it_serves_may(sleepy, granted):
    granted(0.05)
    await times_out(sleepy(timeout=20))


async def test_what_a_service_could_not_do_within_the_callers_own_deadline_opens_no_circuit(client_of, granted):
    client = client_of(*[503] * 5, 200)
    granted(1)
    assert {(await client.request("GET", "/")).status_code for _ in range(5)} == {503}
    granted(None)
    assert (await client.request("GET", "/")).status_code == 200


async def test_a_time_out_by_the_callers_own_deadline_opens_no_circuit(sleepy, granted):
    client = sleepy(timeout=20)
    for _ in range(10):
        granted(0.005)
        await times_out(client)
    granted(None)
    assert (await client.request("GET", "/")).status_code == 200


async def test_a_service_that_is_always_too_slow_is_left_alone(sleepy):
    client = sleepy(timeout=0.01)
    for _ in range(5):
        await times_out(client)
    with pytest.raises(CallFailedError):
        await client.request("GET", "/")


async def test_a_packed_answer_is_unpacked():
    packed = httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx2.ByteStream(gzip.compress(b"[1]")))
    client = ServiceClient("catalog", "http://catalog", transport=httpx2.MockTransport(lambda _: packed))
    assert (await client.request("GET", "/")).json() == [1]


@pytest.mark.parametrize(
    ("value", "is_set"), [(b"1500", True), (b"0", False), (b"-1", False), (b"soon", False), (b"9" * 40, False)]
)
async def test_a_deadline_header_is_taken_over_if_it_is_sane(value, is_set):
    seen = []

    async def app(_scope, _receive, _send):
        seen.append(deadline.get())

    await DeadlineMiddleware(app)({"type": "http", "headers": [(b"x-deadline-ms", value)]}, None, None)
    assert [each is not None for each in seen] == [is_set]
    assert deadline.get() is None


def test_an_idle_connection_is_given_up_before_the_service_closes_it():
    assert uvicorn.Config("any:app").timeout_keep_alive > KEPT_ALIVE_SECONDS


@pytest.fixture
def tripped(monkeypatch):
    """A circuit that opened a minute ago, with a pause of as long."""
    breaker, now = Breaker(failures=1, pause=60), [0.0]
    monkeypatch.setattr("services.common.runtime.breaker.time", SimpleNamespace(monotonic=lambda: now[0]))
    breaker.failed()
    with pytest.raises(CircuitOpenError):
        breaker.check()
    now[0] = 60.0
    return breaker


def test_an_open_circuit_lets_one_through_after_its_pause(tripped):
    tripped.check()
    with pytest.raises(CircuitOpenError):
        tripped.check()


def test_when_that_one_tells_nothing_the_next_one_passes(tripped):
    tripped.check()
    tripped.undecided()
    tripped.check()
    with pytest.raises(CircuitOpenError):
        tripped.check()
