import asyncio

import pytest

from services.common.web import ndjson

pytestmark = pytest.mark.asyncio


async def test_lines_whose_reader_has_gone_are_made_no_more():
    is_closed = asyncio.Event()

    async def blocks():
        try:
            while True:
                yield b"{}\n"
        finally:
            is_closed.set()

    async def receive():
        return {"type": "http.disconnect"}

    async def send(_):
        await asyncio.sleep(0)

    response = await ndjson.streamed(blocks())
    await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
    assert is_closed.is_set()


async def test_what_keeps_the_first_lines_from_being_made_is_raised_before_anything_is_sent():
    async def blocks():
        raise ConnectionError
        yield b""

    with pytest.raises(ConnectionError):
        await ndjson.streamed(blocks())
