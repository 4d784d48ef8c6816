"""Uploads of many lines: one result per line, one transaction per chunk, so that memory and locks stay small.

return await run(request, import_users)             # import_users(session, lines) -> a result for each line
good, refused = read(ImportedUser, lines, LineResult, "userId")
"""

from collections.abc import Awaitable, Callable, Sequence
from tempfile import SpooledTemporaryFile
from typing import TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.errors import faults_of
from services.common.storage.database import Database
from services.common.web.ndjson import Line, chunks, spooled

CHUNK_LINES = 1_000
LONGEST_KEY = 200
SPOOLED_IN_MEMORY = 1024 * 1024
Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result", bound=BaseModel)


async def run(
    request: Request, apply: Callable[[AsyncSession, Sequence[Line]], Awaitable[Sequence[BaseModel]]]
) -> StreamingResponse:
    """Apply `apply` to the request's lines; each chunk is committed before the next is read.

    An interrupted request keeps the committed chunks; sending it again must change nothing twice.
    """
    database: Database = request.app.state.database
    results = SpooledTemporaryFile(max_size=SPOOLED_IN_MEMORY)  # noqa: SIM115 - closed when the answer is sent
    try:
        async for chunk in chunks(request, CHUNK_LINES):
            async with database.sessions.begin() as session:
                made = await apply(session, chunk)
            for result in made:
                results.write(result.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n")
    except BaseException:
        results.close()
        raise
    return spooled(results)


def read(
    model: type[Model], lines: Sequence[Line], result: Callable[..., Result], key: str
) -> tuple[list[tuple[int, Model]], list[Result]]:
    """The lines that are valid, with their numbers, and a result for each that is not, with its `key` if it has one."""
    good: list[tuple[int, Model]] = []
    refused: list[Result] = []
    for number, line in lines:
        try:
            good.append((number, model.model_validate_json(line)))
        except ValidationError as error:
            named = _named(line, key)
            refused.append(result(line=number, status="refused", errors=faults_of(error), **named))
    return good, refused


def _named(line: bytes, key: str) -> dict[str, str]:
    """What the line calls its subject, as far as it can be read."""
    try:
        fields = from_json(line)
    except ValueError:
        return {}
    value = fields.get(key) if isinstance(fields, dict) else None
    return {key: value[:LONGEST_KEY]} if isinstance(value, str) else {}
