"""The category tree."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.catalog import bulk
from services.catalog.api import CHANGE, WRITER
from services.catalog.categories import categories
from services.catalog.categories.schemas import CategoryChange, CategoryLine, CategoryOut, CategoryPage
from services.catalog.schemas import Code
from services.common.identity.policy import PUBLIC
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web import ndjson
from services.common.web.bulk import run
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import IfMatch, tag
from services.common.web.references import CategoryReference
from services.common.web.routing import Router

router = Router(tags=["categories"])


async def _named(session: Session, reference: Annotated[CategoryReference, Path(alias="categoryId")]) -> int:
    """The id of the category that the path names."""
    return await categories.identify(session, reference)


CategoryId = Annotated[int, Depends(_named)]


@router.get("/v1/categories", dependencies=[PUBLIC])
async def list_categories(
    session: Session,
    *,
    cursor: CursorParam = None,
    limit: LimitParam = 500,
    code: Code | None = None,
    parent: Annotated[CategoryReference | None, Query(alias="parentId")] = None,
    level: Annotated[int | None, Query(ge=1, le=100)] = None,
) -> CategoryPage:
    """The tree as a list by code: a parent comes before its children."""
    (after,) = decode_cursor(cursor, Code) or (None,)
    found = await categories.listed(session, limit + 1, after=after, code=code, parent=parent, level=level)
    return CategoryPage.of(found, limit, "code")


@router.post("/v1/categories", status_code=201, dependencies=CHANGE)
async def create_category(body: CategoryLine, session: Session, response: Response) -> CategoryOut:
    """Create a category below its parent, which its code names."""
    category_id = await categories.create(session, body.code, body.name)
    response.headers["Location"] = f"/v1/categories/{category_id}"
    return await _one(session, category_id, response)


@router.post(
    "/v1/categories/bulk",
    dependencies=[WRITER],
    response_class=StreamingResponse,
    responses=bulk.LINES,
    openapi_extra=ndjson.BODY,
    max_body_size=ndjson.MAX_BODY_BYTES,
)
async def upsert_categories(request: Request) -> StreamingResponse:
    """Create or rename categories by code, one JSON object (`code`, `name`) per line, parents first."""
    return await run(request, bulk.upsert_categories)


@router.get("/v1/categories/{categoryId:category}", dependencies=[PUBLIC], responses=problems(404))
async def read_category(category_id: CategoryId, session: Session, response: Response) -> CategoryOut:
    """One category. Its ETag is for `If-Match`."""
    return await _one(session, category_id, response)


@router.patch("/v1/categories/{categoryId:category}", dependencies=CHANGE, responses=problems(404, 412))
async def change_category(
    category_id: CategoryId, body: CategoryChange, session: Session, response: Response, expected: IfMatch = None
) -> CategoryOut:
    """Rename a category, or move it with everything below it by another code, below a category that exists."""
    await categories.change(session, category_id, body.code, body.name, expected)
    return await _one(session, category_id, response)


@router.delete(
    "/v1/categories/{categoryId:category}", status_code=204, dependencies=CHANGE, responses=problems(404, 412)
)
async def delete_category(category_id: CategoryId, session: Session, expected: IfMatch = None) -> None:
    """Delete a category that has neither children nor products, and for which no attribute is defined."""
    await categories.remove(session, category_id, expected)


async def _one(session: Session, category_id: int, response: Response) -> CategoryOut:
    category = await categories.find(session, category_id)
    response.headers["ETag"] = tag(category.version)
    return CategoryOut.model_validate(category)
