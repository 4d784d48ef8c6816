"""What browsers send as they leave a page: text, and compressed bodies of which none takes more than it may."""

import gzip
import json

import pytest

from services.analytics.api import PATH
from services.analytics.app import MAX_BODY_BYTES
from services.analytics.beacons import ALWAYS_FITS, Beacons, NotGzip, TooLarge, unpacked

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "text/plain;charset=UTF-8"


def batch(visitor, *, views=1, **more):
    view = {"actionType": "PRODUCT_VIEWED", "userId": visitor, "productId": 7, **more}
    return json.dumps({"actions": [view] * views, "consent": True}).encode()


@pytest.fixture
def send(client, visitor, as_user):
    async def send(body, media_type="application/json", **headers):
        named = {"Content-Type": media_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await client.post("/v1/actions", content=body, headers={**named, **as_user(visitor)})

    return send


@pytest.mark.parametrize("media_type", [TEXT, "text/plain", "Text/Plain; charset=utf-8"])
@pytest.mark.parametrize("more", [{}, {"metadata": None}])  # which the fast path does not read
async def test_a_beacon_is_read_as_json(send, visitor, media_type, more):
    assert (await send(batch(visitor, **more), media_type)).json()["accepted"] == 1


@pytest.mark.parametrize("media_type", ["application/json", TEXT])
@pytest.mark.parametrize("more", [{}, {"metadata": None}])
async def test_a_compressed_batch_is_unpacked(send, visitor, media_type, more):
    answer = await send(gzip.compress(batch(visitor, views=500, **more)), media_type, Content_Encoding="gzip")
    assert answer.json()["accepted"] == 500


async def test_text_of_another_charset_is_not_read(send, visitor):
    assert (await send(batch(visitor), "text/plain;charset=shift_jis")).status_code == 422


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
async def test_another_compression_is_refused_with_the_one_that_is_read(send, visitor, encoding):
    answer = await send(batch(visitor), Content_Encoding=encoding)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no gzip", 400),
        (b"", 400),
        (gzip.compress(b"{}")[:-1], 400),
        (gzip.compress(b"{}") + b"more", 400),
        (gzip.compress(b"{}") * 2, 400),
        (gzip.compress(b"{"), 400),
        (gzip.compress(gzip.compress(b"{}")), 400),
        (gzip.compress(b" " * 2**30), 413),
        (b"\0" * (MAX_BODY_BYTES + 1), 413),
    ],
    ids=["text", "nothing", "cut off", "more behind it", "two members", "no JSON", "twice", "a bomb", "too large"],
)
async def test_what_is_no_batch_is_refused(send, body, status):
    answer = await send(body, Content_Encoding="gzip")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_only_the_collector_unpacks(client, as_staff):
    body = gzip.compress(b"{}")
    headers = {**as_staff, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await client.post("/v1/order-events", content=body, headers=headers)).status_code != 202


async def test_a_body_grows_a_hundredfold_or_is_small():
    small, large = b" " * ALWAYS_FITS, b" " * (ALWAYS_FITS + 200_000)
    assert unpacked(gzip.compress(small), MAX_BODY_BYTES) == small
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(large), MAX_BODY_BYTES)


async def test_of_a_bomb_no_more_is_unpacked_than_may_be():
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(b" " * 1_000, 0), 999)
    with pytest.raises(NotGzip):
        unpacked(b"\x1f\x8b", 999)


async def test_behind_an_unpacked_body_comes_what_came_behind_the_packed_one():
    packed = gzip.compress(b"{}")
    coming = [{"type": "http.request", "body": packed, "more_body": False}, {"type": "http.disconnect"}]
    seen = []

    async def receive():
        return coming.pop(0)

    async def app(scope, receive, _):
        seen.extend([scope["headers"], await receive(), await receive()])

    headers = [(b"accept", b"a"), (b"content-length", b"22"), (b"content-encoding", b"gzip"), (b"accept", b"b")]
    scope = {"type": "http", "path": PATH, "headers": headers}
    await Beacons(app, MAX_BODY_BYTES)(scope, receive, None)
    given, body, after = seen
    assert given == [(b"accept", b"a"), (b"accept", b"b"), (b"content-length", b"2")]
    assert (body["body"], after["type"]) == (b"{}", "http.disconnect")


@pytest.mark.parametrize("media_type", ["application/json", TEXT])
async def test_who_names_two_tokens_is_nobody(client, visitor, as_user, media_type):
    headers = [("Content-Type", media_type), *[*as_user(visitor).items()] * 2]
    assert (await client.post("/v1/actions", content=batch(visitor), headers=headers)).status_code == 401
