"""Bulk upserts of a chunk's lines (`services.common.web.bulk`)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import service
from services.catalog.categories import categories
from services.catalog.categories.schemas import CategoryLine
from services.catalog.domain import LineOutcome
from services.catalog.schemas import LineResult, ProductLine
from services.common.runtime.errors import Fault, problems
from services.common.web import bulk, ndjson

LINES = {**ndjson.lines_of("line, status, errors, sku and productId, or code and categoryId"), **problems(415)}


async def upsert_products(session: AsyncSession, lines: Sequence[ndjson.Line]) -> list[LineResult]:
    """Create or change the products of some lines."""
    good, refused = bulk.read(ProductLine, lines, LineResult, "sku")
    outcomes = await service.upsert(session, [(product.sku, product.changes()) for _, product in good])
    results = [
        LineResult(line=number, sku=product.sku, product_id=outcome.id, status=outcome.status, errors=_faults(outcome))
        for (number, product), outcome in zip(good, outcomes, strict=True)
    ]
    return sorted(results + refused, key=_line)


async def upsert_categories(session: AsyncSession, lines: Sequence[ndjson.Line]) -> list[LineResult]:
    """Create or rename the categories of some lines."""
    good, refused = bulk.read(CategoryLine, lines, LineResult, "code")
    outcomes = await categories.upsert(session, [(category.code, category.name) for _, category in good])
    results = [
        LineResult(
            line=number, code=category.code, category_id=outcome.id, status=outcome.status, errors=_faults(outcome)
        )
        for (number, category), outcome in zip(good, outcomes, strict=True)
    ]
    return sorted(results + refused, key=_line)


def _faults(outcome: LineOutcome) -> list[Fault] | None:
    refusal = outcome.refusal
    return [Fault(field=refusal.field, message=refusal.message)] if refusal else None


def _line(result: LineResult) -> int:
    return result.line
