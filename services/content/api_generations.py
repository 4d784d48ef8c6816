"""Generations: announced, loaded as a stream, activated, rolled back."""

from typing import Annotated

from fastapi import Path, Request

from services.common.identity.policy import role
from services.common.identity.principal import Principal
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web import ndjson
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router
from services.content import generations, queries, uploads
from services.content.schemas_generations import (
    Activate,
    GenerationName,
    GenerationOut,
    GenerationPage,
    NewGeneration,
    RollBack,
)
from services.content.settings import ContentSettings

router = Router(tags=["generations"])
READER = role("merchandiser", "analyst", "operator", "admin", services=("pipelines",))
OPERATOR = role("operator", "admin", services=("pipelines",))
Operator = Annotated[Principal, OPERATOR]
CHUNK_LINES = 1_000
Name = Annotated[GenerationName, Path(alias="generation")]


@router.get("/v1/generations", dependencies=[READER])
async def list_generations(session: Session, cursor: CursorParam = None, limit: LimitParam = 50) -> GenerationPage:
    """Generations, the newest first."""
    (before,) = decode_cursor(cursor, int) or (None,)
    return GenerationPage.of(await queries.list_generations(session, limit + 1, before=before), limit, "id")


@router.post("/v1/generations", status_code=201, dependencies=[OPERATOR, IDEMPOTENT], responses=problems(409))
async def announce(body: NewGeneration, session: Session) -> GenerationOut:
    """Announce a generation; repeating it has no effect."""
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
    """Load the rows of a generation, one JSON object per line; all of them or none.

    A line: displayType, rank, userId (null: for everyone), productId or sku, productName, productPrice, currency,
    rating, image, categoryId or categoryCode, categoryName, specialPrice, startDate, endDate, score, reason.

    A repeated upload replaces the previous one, until the generation is first activated.
    """
    settings: ContentSettings = request.app.state.settings
    rows = uploads.read_rows(request.app.state.database, ndjson.chunks(request, CHUNK_LINES))
    await generations.load(session, generation, rows, kept=settings.kept_generations)
    return await _one(session, generation)


@router.post("/v1/generations/{generation}/activate", dependencies=[IDEMPOTENT], responses=problems(404, 409))
async def activate(generation: Name, body: Activate, session: Session, caller: Operator) -> GenerationOut:
    """Activate a generation, if it has all its rows; activating the active one changes nothing."""
    await generations.activate(session, generation, body.rows, caller)
    return await _one(session, generation)


@router.post("/v1/generations/rollback", dependencies=[IDEMPOTENT], responses=problems(409))
async def roll_back(session: Session, caller: Operator, body: RollBack | None = None) -> GenerationOut:
    """Roll back to the previously active generation."""
    back = await generations.roll_back(session, body.generation if body else None, caller)
    return await _one(session, back.generation)


async def _one(session: Session, name: str) -> GenerationOut:
    return GenerationOut.model_validate(await queries.one_generation(session, name))
