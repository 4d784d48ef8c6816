import asyncio
import gzip
import socket
import threading

import pytest
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from services.common.web.limits import WAITS_FOR_BYTES

ROWS = "/v1/generations/g1/rows"
MEGABYTE = 1024 * 1024
FIRST = b"x" * WAITS_FOR_BYTES


@pytest.fixture
def pipeline(bearer):
    return bearer("pipelines", calls="content")


def test_an_upload_is_passed_on_while_it_comes(gateway, services, pipeline):
    first_arrived = threading.Event()

    async def answer(request):
        pieces = []
        async for piece in request.stream():
            pieces.append(piece)
            first_arrived.set()
        return Response(b"".join(pieces))

    def lines():
        yield FIRST
        assert first_arrived.wait(10), "the gateway holds the upload back"
        yield b"second"

    services["content"].answers[ROWS] = answer
    assert gateway().put(ROWS, content=lines(), headers=pipeline).content == FIRST + b"second"


def test_an_answer_is_passed_on_while_it_comes(gateway, services):
    first_arrived = threading.Event()

    def pieces():
        yield b"first"
        assert first_arrived.wait(10), "the gateway holds the answer back"
        yield b"second"

    async def answer(_):
        return StreamingResponse(pieces())

    services["catalog"].answers["/v1/products"] = answer
    with gateway().stream("GET", "/v1/products") as incoming:
        read = incoming.iter_raw()
        assert next(read) == b"first"
        first_arrived.set()
        assert b"".join(read) == b"second"


def test_an_upload_that_is_cut_off_never_looks_whole(gateway, services, pipeline):
    outcome, begun = [], threading.Event()

    async def answer(request):
        try:
            async for _ in request.stream():
                begun.set()
            outcome.append("whole")
        except ClientDisconnect:
            outcome.append("cut off")
        ended.set()
        return Response()

    ended = threading.Event()
    services["content"].answers[ROWS] = answer
    client = gateway()
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        head = f"PUT {ROWS} HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n"
        head += f"Authorization: {pipeline['Authorization']}\r\n\r\n{len(FIRST):x}\r\n"
        connection.sendall(head.encode() + FIRST + b"\r\n")
        assert begun.wait(10)
    assert ended.wait(10)
    assert outcome == ["cut off"]


def test_an_upload_may_take_longer_than_another_request(gateway, services, pipeline):
    async def answer(_):
        await asyncio.sleep(0.3)
        return Response(b"read")

    services["content"].answers[ROWS] = services["content"].answers["/v1/displays"] = answer
    client = gateway(timeout_seconds=0.1)
    assert client.put(ROWS, content=FIRST, headers=pipeline).content == b"read"
    assert client.get("/v1/displays").status_code == 504


def test_an_upload_may_be_large(gateway, pipeline):
    assert gateway().put(ROWS, content=b"x" * 3 * MEGABYTE, headers=pipeline).json()["size"] == 3 * MEGABYTE


def test_an_image_may_be_larger_than_other_bodies(gateway, services, bearer):
    headers = bearer("importer", calls="catalog")
    path = "/v1/products/7/images"
    assert gateway().post(path, content=b"x" * 3 * MEGABYTE, headers=headers).json()["size"] == 3 * MEGABYTE
    assert services["catalog"].asked


def test_an_upload_is_read_from_no_stranger(gateway, services):
    assert gateway().put(ROWS, content=b"x").status_code == 401
    assert not services["content"].asked


def test_a_shopper_may_not_upload(gateway, bearer):
    assert gateway().put(ROWS, content=b"x", headers=bearer("900")).status_code == 403


def test_a_compressed_beacon_is_passed_on_as_it_came(gateway, services):
    async def answer(request):
        return Response(
            await request.body(),
            headers={"X-Seen": f"{request.headers['content-encoding']} {request.headers['content-type']}"},
        )

    services["analytics"].answers["/v1/actions"] = answer
    body = gzip.compress(b"{}")
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain;charset=UTF-8"}
    passed = gateway().post("/v1/actions", content=body, headers=headers)
    assert (passed.content, passed.headers["x-seen"]) == (body, "gzip text/plain;charset=UTF-8")


@pytest.mark.parametrize("body", [b"x" * (MEGABYTE + 1), iter([b"x" * MEGABYTE, b"x"])], ids=["announced", "chunked"])
def test_a_body_over_the_limit_is_a_413_problem(gateway, body):
    answer = gateway().post("/v1/actions", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_an_upload_has_its_own_limit(gateway, pipeline):
    answer = gateway(max_upload_bytes=10).put(ROWS, content=b"x" * 11, headers=pipeline)
    assert answer.status_code == 413
