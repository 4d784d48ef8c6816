"""What a service must not answer is an outage of that service, and nothing worse."""

import httpx2
import pytest
import pytest_asyncio
from pydantic import BaseModel

from services.common.runtime.answers import CallFailedError, UnexpectedStatusError
from services.common.runtime.http_client import ServiceClient
from tests.misbehaving import ANSWERS, misbehaving, whole

ELSEWHERE = ("a circle", "a way to nowhere")
"""Answers by which a service says something that its caller does not follow."""


class Category(BaseModel):
    code: str
    name: str


@pytest_asyncio.fixture
async def client_of():
    clients = []

    def create(server, **options):
        clients.append(ServiceClient("catalog", server.url, **{"timeout": 2.0, **options}))
        return clients[-1]

    yield create
    for client in clients:
        await client.close()


async def test_an_answer_is_read_as_its_shape(client_of):
    with misbehaving([whole(b'{"code": "A", "name": "B", "more": 1}')]) as server:
        assert await client_of(server).read(Category, "GET", "/") == Category(code="A", name="B")


@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_answer_that_nobody_can_use_is_a_failed_call(client_of, answer):
    with misbehaving(ANSWERS[answer]) as server:
        client = client_of(server, timeout=1.0)
        with pytest.raises(CallFailedError):
            await client.read(Category, "GET", "/")


@pytest.mark.parametrize("answer", sorted(ANSWERS.keys() - set(ELSEWHERE)))
async def test_a_service_that_answers_nothing_usable_is_left_alone(client_of, answer):
    with misbehaving(ANSWERS[answer]) as server:
        client = client_of(server, timeout=0.3)
        for _ in range(5):
            with pytest.raises(CallFailedError):
                await client.read(Category, "POST", "/")
        with pytest.raises(CallFailedError, match="not asked"):
            await client.read(Category, "POST", "/")
        assert 1 <= len(server.visits) <= 5


async def test_a_redirect_is_told_and_not_followed(client_of):
    with misbehaving(ANSWERS["a circle"]) as server:
        with pytest.raises(UnexpectedStatusError) as told:
            await client_of(server).read(Category, "GET", "/")
        assert told.value.answer.status_code == 302
        assert len(server.visits) == 1


async def test_a_refusal_is_told_with_its_status_and_opens_no_circuit(client_of):
    with misbehaving([whole(b"{}", status="404 Not Found")]) as server:
        client = client_of(server)
        for _ in range(6):
            with pytest.raises(UnexpectedStatusError) as told:
                await client.read(Category, "GET", "/")
        assert told.value.answer.status_code == 404
        assert len(server.visits) == 6


async def test_a_call_may_take_fewer_bytes(client_of):
    with misbehaving([whole(b'{"code": "A", "name": "B"}')]) as server:
        client = client_of(server)
        with pytest.raises(CallFailedError):
            await client.read(Category, "GET", "/", most_bytes=10)
        assert (await client.request("GET", "/", most_bytes=100)).json() == {"code": "A", "name": "B"}


async def test_a_cookie_of_a_service_is_not_kept():
    def answer(request):
        return httpx2.Response(200, headers={"Set-Cookie": "a=b"}, json=request.headers.get("cookie", ""))

    client = ServiceClient("catalog", "http://catalog.shop", transport=httpx2.MockTransport(answer))
    assert [(await client.request("GET", "/")).json() for _ in range(2)] == ["", ""]
