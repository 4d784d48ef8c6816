"""Generations: announced, loaded as a stream, activated, rolled back."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import ValidationError
from sqlalchemy import Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.identity.policy import role
from services.common.runtime.errors import Fault, Unprocessable, problems
from services.common.storage.database import Database, Session
from services.common.web import ndjson
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.paging import CursorParam, LimitParam, decode_cursor, encode_cursor
from services.common.web.routing import Router
from services.content import generations, queries
from services.content.models import Activation, Generation, Showing
from services.content.schemas_generations import (
    Activate,
    GenerationName,
    GenerationOut,
    GenerationPage,
    GenerationRow,
    NewGeneration,
    RollBack,
)
from services.content.settings import ContentSettings

router = Router(tags=["generations"])
READER = role("merchandiser", "analyst", "operator", "admin")
OPERATOR = role("operator", "admin")
CHUNK_LINES = 1_000
Name = Annotated[GenerationName, Path(alias="generation")]


class BadRow(Unprocessable):
    """A line of an upload is no row; nothing of the upload remains."""

    title = "Bad row"


@router.get("/v1/generations", dependencies=[READER])
async def list_generations(session: Session, cursor: CursorParam = None, limit: LimitParam = 50) -> GenerationPage:
    """Generations, the newest first."""
    before = decode_cursor(cursor, int)
    query = _generations().order_by(Generation.id.desc()).limit(limit + 1)
    rows = (await session.execute(query.where(Generation.id < before[0]) if before else query)).all()
    more = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return GenerationPage(items=[GenerationOut.model_validate(row) for row in rows[:limit]], next_cursor=more)


@router.post("/v1/generations", status_code=201, dependencies=[OPERATOR, IDEMPOTENT], responses=problems(409))
async def announce(body: NewGeneration, session: Session) -> GenerationOut:
    """Announce a generation; saying it again is the same."""
    await generations.announce(session, body.generation, body.bundle)
    return await _one(session, body.generation)


@router.put(
    "/v1/generations/{generation}/rows",
    dependencies=[OPERATOR],
    openapi_extra=ndjson.BODY,
    max_body_size=ndjson.MAX_BODY_BYTES,
    responses=problems(404, 409, 415),
)
async def load(generation: Name, request: Request, session: Session) -> GenerationOut:
    """Load the rows of a generation, one JSON object a line; all of them or none.

    A line: displayType, rank, userId (null: everyone's), productId or sku, productName, productPrice, currency, rating,
    image, categoryId or categoryCode, categoryName, specialPrice, startDate, endDate, score, reason.

    A repeated upload takes the place of the one before, until the generation is first activated.
    """
    settings: ContentSettings = request.app.state.settings
    await generations.load(session, generation, _rows(request), kept=settings.kept_generations)
    return await _one(session, generation)


async def _rows(request: Request) -> AsyncIterator[list[tuple[Any, ...]]]:
    now = datetime.now(UTC)
    async for chunk in ndjson.chunks(request, CHUNK_LINES):
        rows = [(number, _read(number, line)) for number, line in chunk]
        ids = await _ids(request.app.state.database, [row for _, row in rows])
        yield [_values(number, row, ids, now) for number, row in rows]


async def _ids(database: Database, rows: list[GenerationRow]) -> queries.Ids:
    """Our ids of what rows name by the shop's; asked in a transaction of its own, for the upload's is copying."""
    skus = [row.sku for row in rows if row.sku is not None]
    codes = [row.category_code for row in rows if row.category_code is not None]
    if not skus and not codes:
        return {}
    async with database.sessions() as session:
        return await queries.ids_of(session, skus, codes)


def _read(number: int, line: bytes) -> GenerationRow:
    try:
        return GenerationRow.model_validate_json(line)
    except ValidationError as error:
        faults = [
            Fault(field=".".join(["body", str(number), *map(str, fault["loc"])]), message=fault["msg"])
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise BadRow(f"Line {number} is not a row; nothing was loaded.", errors=faults) from error


def _values(number: int, row: GenerationRow, ids: queries.Ids, now: datetime) -> tuple[Any, ...]:
    values = {**row.__dict__, "display_type": row.display_type.value, "start_date": row.start_date or now}
    for ours, own, wire in (("product_id", "sku", "sku"), ("category_id", "category_code", "categoryCode")):
        if (name := values[own]) is not None:
            found = ids.get((own, name))
            if found is None or values[ours] not in (None, found):
                fault = Fault(field=f"body.{number}.{wire}", message=f"names nothing, or another thing: {name}")
                raise BadRow(f"Line {number} is not a row; nothing was loaded.", errors=[fault])
            values[ours] = found
    return tuple(values[name] for name in queries.UPLOADED)


@router.post("/v1/generations/{generation}/activate", dependencies=[OPERATOR, IDEMPOTENT], responses=problems(404, 409))
async def activate(generation: Name, body: Activate, session: Session) -> GenerationOut:
    """Show a generation, if it has all its rows; activating the active one changes nothing."""
    await generations.activate(session, generation, body.rows)
    return await _one(session, generation)


@router.post("/v1/generations/rollback", dependencies=[OPERATOR, IDEMPOTENT], responses=problems(409))
async def roll_back(session: Session, body: RollBack | None = None) -> GenerationOut:
    """Show the generation that was shown before the active one."""
    back = await generations.roll_back(session, body.generation if body else None)
    return await _one(session, back.generation)


def _generations() -> Select[Any]:
    activated_at = (
        select(func.max(Activation.activated_at)).where(Activation.generation_id == Generation.id).scalar_subquery()
    )
    is_active = func.coalesce(Generation.generation == Showing.generation, False)
    columns: tuple[Any, ...] = (
        Generation.id,
        Generation.generation,
        Generation.bundle,
        Generation.row_count.label("rows"),
        is_active.label("is_active"),
        Generation.created_at,
        Generation.loaded_at,
        activated_at.label("activated_at"),
        Generation.dropped_at,
    )
    return select(*columns).select_from(Generation).join(Showing, true())


async def _one(session: AsyncSession, name: str) -> GenerationOut:
    return GenerationOut.model_validate(
        (await session.execute(_generations().where(Generation.generation == name))).one()
    )
