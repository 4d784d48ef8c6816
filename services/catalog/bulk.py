"""Bulk upserts: one result per line, one transaction per chunk, so that memory and locks stay small."""

from collections.abc import Awaitable, Callable, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import categories, service
from services.catalog.domain import LineOutcome
from services.catalog.schemas import CategoryLine, LineResult, ProductLine
from services.common.runtime.errors import Fault, faults_of, problems
from services.common.storage.database import Database
from services.common.web import ndjson

CHUNK_LINES = 1_000
SPOOLED_IN_MEMORY = 1024 * 1024
LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One result per line, in the order of the lines",
        "content": {
            ndjson.MEDIA_TYPE: {
                "schema": {
                    "type": "string",
                    "description": "JSON: line, status, errors, sku and productId, or code and categoryId",
                }
            }
        },
    },
    **problems(415),
}
Model = TypeVar("Model", bound=BaseModel)
Upsert = Callable[[AsyncSession, Sequence[ndjson.Line]], Awaitable[list[LineResult]]]


async def run(request: Request, upsert: Upsert) -> StreamingResponse:
    """Apply `upsert` to the request's lines; each chunk is committed before the next is read.

    An interrupted request keeps the committed chunks; sending it again changes nothing twice.
    """
    database: Database = request.app.state.database
    results = SpooledTemporaryFile(max_size=SPOOLED_IN_MEMORY)  # noqa: SIM115 - closed when the answer is sent
    try:
        async for chunk in ndjson.chunks(request, CHUNK_LINES):
            async with database.sessions.begin() as session:
                made = await upsert(session, chunk)
            for result in made:
                results.write(result.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n")
    except BaseException:
        results.close()
        raise
    return ndjson.answer(results)


async def upsert_products(session: AsyncSession, lines: Sequence[ndjson.Line]) -> list[LineResult]:
    """Create or change the products of some lines."""
    good, refused = _read(ProductLine, lines)
    outcomes = await service.upsert(session, [(product.sku, product.changes()) for _, product in good])
    results = [
        LineResult(line=number, sku=product.sku, product_id=outcome.id, status=outcome.status, errors=_faults(outcome))
        for (number, product), outcome in zip(good, outcomes, strict=True)
    ]
    return sorted(results + refused, key=_line)


async def upsert_categories(session: AsyncSession, lines: Sequence[ndjson.Line]) -> list[LineResult]:
    """Create or rename the categories of some lines."""
    good, refused = _read(CategoryLine, lines)
    outcomes = await categories.upsert(session, [(category.code, category.name) for _, category in good])
    results = [
        LineResult(
            line=number, code=category.code, category_id=outcome.id, status=outcome.status, errors=_faults(outcome)
        )
        for (number, category), outcome in zip(good, outcomes, strict=True)
    ]
    return sorted(results + refused, key=_line)


def _read(model: type[Model], lines: Sequence[ndjson.Line]) -> tuple[list[tuple[int, Model]], list[LineResult]]:
    """The lines that are valid, with their numbers, and a result for each that is not."""
    good: list[tuple[int, Model]] = []
    refused: list[LineResult] = []
    for number, line in lines:
        try:
            good.append((number, model.model_validate_json(line)))
        except ValidationError as error:
            refused.append(LineResult(line=number, status="refused", errors=faults_of(error)))
    return good, refused


def _faults(outcome: LineOutcome) -> list[Fault] | None:
    refusal = outcome.refusal
    return [Fault(field=refusal.field, message=refusal.message)] if refusal else None


def _line(result: LineResult) -> int:
    return result.line
