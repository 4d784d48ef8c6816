"""Newline-delimited JSON, one value per line, streamed from a request and to a response.

    async for chunk in chunks(request, 1_000):          # [(line number from 1, bytes), ...]
    return spooled(spool)                               # the lines of a file, as the response
    return await streamed(lines)                        # lines generated while they are sent

A response to an upload is spooled to a file first: most clients send everything before they read, so streaming both
would deadlock.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from http import HTTPStatus
from typing import IO, Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from services.common.runtime.errors import Fault, Problem, Unprocessable

MEDIA_TYPE = "application/x-ndjson"
MAX_LINE_BYTES = 256 * 1024
MAX_BODY_BYTES = 512 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
Line = tuple[int, bytes]
BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": {"description": "JSON objects, one a line"}}}},
}
"""The `openapi_extra=` of an operation that reads lines."""


def lines_of(description: str) -> dict[int | str, dict[str, Any]]:
    """The `responses=` entry of an operation that answers with lines, each with the fields that are named."""
    schema = {"type": "string", "description": f"JSON, a line each: the fields of {description}"}
    return {200: {"description": "Lines of JSON", "content": {MEDIA_TYPE: {"schema": schema}}}}


class NotNdjson(Problem):
    """The body is of another media type."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "Unsupported media type"


class LineTooLong(Unprocessable):
    """A line is too long."""

    title = "Line too long"


class NothingSent(Unprocessable):
    """The body has no lines."""

    title = "Nothing sent"


class UploadCutOff(Problem):
    """The body was cut off; nobody reads this error."""

    status = 400
    title = "Upload cut off"


async def chunks(request: Request, size: int) -> AsyncIterator[list[Line]]:
    """The body's lines that are not blank, with their numbers, at most `size` at a time.

    Raises:
        NotNdjson, NothingSent, LineTooLong, UploadCutOff: as they say.
    """
    if request.headers.get("content-type", MEDIA_TYPE).partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise NotNdjson(f"The body must be {MEDIA_TYPE}.")
    chunk: list[Line] = []
    number = 0
    async for line in _lines(request):
        number, _ = line
        chunk.append(line)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
    elif number == 0:
        raise NothingSent(errors=[Fault(field="body", message="A line is needed")])


async def _lines(request: Request) -> AsyncIterator[Line]:
    number, rest = 0, b""
    try:
        async for block in request.stream():
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                number += 1
                if line.strip():
                    yield number, line
            if len(rest) > MAX_LINE_BYTES:
                fault = Fault(field=f"body.{number + 1}", message=f"A line may have {MAX_LINE_BYTES} bytes")
                raise LineTooLong("A line is too long; the lines before it were read.", errors=[fault])
    except ClientDisconnect as error:
        raise UploadCutOff("The connection ended before the body did.") from error
    if rest.strip():
        yield number + 1, rest


def spooled(spool: IO[bytes], media_type: str = MEDIA_TYPE) -> StreamingResponse:
    """What is in `spool` from its beginning; it is closed when that is sent."""

    def blocks() -> Iterator[bytes]:
        with spool:
            spool.seek(0)
            while block := spool.read(BLOCK_BYTES):
                yield block

    return StreamingResponse(blocks(), media_type=media_type)


async def streamed(blocks: AsyncGenerator[bytes, None]) -> StreamingResponse:
    """Blocks of whole lines as they are generated; an error before the first block is handled like any error.

    The generator is closed when the response has been sent or its reader has gone.
    """
    first = await anext(blocks, b"")

    async def all_blocks() -> AsyncIterator[bytes]:
        yield first
        async for block in blocks:
            yield block

    return _Streamed(blocks, all_blocks())


class _Streamed(StreamingResponse):
    media_type = MEDIA_TYPE

    def __init__(self, source: AsyncGenerator[bytes, None], blocks: AsyncIterator[bytes]) -> None:
        super().__init__(blocks)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and close its source."""
        async with aclosing(self._source):
            await super().__call__(scope, receive, send)
