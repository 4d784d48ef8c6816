"""What a service answers is the caller's, byte by byte, and nothing of it stays at the gateway."""

import asyncio
import gzip
import threading

import httpx2
import pytest
from starlette.responses import RedirectResponse, Response, StreamingResponse

from tests.misbehaving import ANSWERS, misbehaving

PATH = "/v1/products"


@pytest.fixture
def says(services):
    """Sets what catalog answers."""

    def answer_with(response):
        async def answer(_):
            return response

        services["catalog"].answers[PATH] = answer

    return answer_with


def test_a_compressed_answer_is_passed_on_as_it_is(gateway, says):
    packed = gzip.compress(b"tea" * 1000)
    says(Response(packed, headers={"Content-Encoding": "gzip"}))
    with gateway().stream("GET", PATH) as answer:
        assert b"".join(answer.iter_raw()) == packed
    assert answer.headers["content-encoding"] == "gzip"


def test_a_caller_says_which_encodings_it_reads(gateway):
    seen = gateway().get(PATH, headers={"Accept-Encoding": "br"}).json()["headers"]
    assert seen["accept-encoding"] == "br"


def test_nothing_is_said_in_the_callers_name(gateway, services, raw):
    raw(gateway(), b"POST /v1/products HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\n{}")
    assert not {"user-agent", "accept", "accept-encoding", "content-type"} & set(services["catalog"].asked[0].headers)


def test_a_cookie_of_a_service_is_its_callers_alone(gateway, says, services):
    client = gateway()
    says(Response(headers={"Set-Cookie": "a=b"}))
    assert client.get(PATH).headers["set-cookie"] == "a=b"
    client.cookies.clear()
    client.get(PATH)
    assert "cookie" not in services["catalog"].asked[-1].headers


def test_an_answer_has_one_date(gateway, says):
    says(Response())
    assert len(gateway().get(PATH).headers.get_list("date")) == 1


def test_a_redirect_is_the_callers(gateway, says, services):
    says(RedirectResponse("/v1/categories"))
    answer = gateway().get(PATH, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/v1/categories")
    assert len(services["catalog"].asked) == 1


def test_a_proxy_of_the_environment_is_none_of_the_services(gateway, monkeypatch, nowhere):
    client = gateway(preview_shoppers=())
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nowhere)
    assert client.get(PATH).status_code == 200


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_ends(gateway, says, status):
    says(Response(status_code=status))
    answer = gateway().get(PATH)
    assert (answer.status_code, answer.content) == (status, b"")


def test_the_head_alone_may_be_asked_for(gateway, says):
    says(Response(b"tea", headers={"X-Kept": "yes"}))
    answer = gateway().head(PATH)
    assert (answer.headers["content-length"], answer.headers["x-kept"], answer.content) == ("3", "yes", b"")


def test_a_header_of_text_beyond_ascii_arrives(gateway, services, raw):
    lines = ("GET /v1/products HTTP/1.1", "Host: shop", "X-A: 緑茶", "X-B: a\udcffb", "", "")
    raw(gateway(), "\r\n".join(lines).encode(errors="surrogateescape"))
    seen = services["catalog"].asked[0].headers
    assert seen["x-a"].encode("latin-1").decode() == "緑茶"
    assert seen["x-b"] == "ab"


def test_when_the_caller_leaves_the_service_need_not_go_on(gateway, says):
    has_ended = threading.Event()

    async def pieces():
        try:
            while True:
                yield b"x" * 1024
                await asyncio.sleep(0)
        finally:
            has_ended.set()

    says(StreamingResponse(pieces()))
    with gateway().stream("GET", PATH) as answer:
        next(answer.iter_raw())
    assert has_ended.wait(10)


def test_an_answer_that_breaks_off_never_looks_whole(gateway):
    with misbehaving(ANSWERS["half a body"]) as server, pytest.raises(httpx2.RemoteProtocolError):
        gateway(catalog_url=server.url).get(PATH)
