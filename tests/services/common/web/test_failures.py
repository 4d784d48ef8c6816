"""An unexpected error of one request is nobody else's, over real HTTP."""

import logging
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import urlsplit

import pytest
from fastapi.responses import StreamingResponse

from services.common.identity.policy import PUBLIC
from services.common.web.app import build_app
from services.common.web.routing import Router
from tests.services.gateway.standing_in import served

router = Router()


@router.get("/v1/sound", dependencies=[PUBLIC])
async def sound() -> str:
    return "sound"


@router.get("/v1/broken", dependencies=[PUBLIC])
async def broken() -> str:
    raise RuntimeError("broken")


@router.get("/v1/broken-off", dependencies=[PUBLIC], response_class=StreamingResponse)
async def broken_off() -> StreamingResponse:
    async def pieces():
        yield b"begun"
        raise RuntimeError("broken off")

    return StreamingResponse(pieces())


@pytest.fixture
def connection(settings):
    with served(build_app(settings, title="Failing", routers=[router])) as url:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
        yield connection
        connection.close()


def test_after_a_500_the_next_request_on_the_connection_has_its_answer_and_the_error_is_logged_once(connection, caplog):
    statuses = []
    for path in ("/v1/broken", "/v1/sound"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    assert statuses == [500, 200]
    (error,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert "broken" in str(error.exc_info[1])


def test_an_answer_that_fails_in_its_middle_is_seen_to_be_incomplete(connection):
    connection.request("GET", "/v1/broken-off")
    with pytest.raises(IncompleteRead):
        connection.getresponse().read()
