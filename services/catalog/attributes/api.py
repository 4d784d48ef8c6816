"""The attributes that products may have."""

from typing import Annotated

from fastapi import Path, Query, Response

from services.catalog.api import CHANGE
from services.catalog.attributes import attributes, queries
from services.catalog.attributes.schemas import AttributeChange, AttributeOut, AttributePage, NewAttribute
from services.common.identity.policy import PUBLIC
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import IfMatch, tag
from services.common.web.references import CategoryReference
from services.common.web.routing import Router
from services.contracts.events.catalog import AttributeCode

router = Router(tags=["attributes"])
Named = Annotated[AttributeCode, Path(alias="code")]
PLACE = "/v1/attributes/{code}"


@router.get("/v1/attributes", dependencies=[PUBLIC])
async def list_attributes(
    session: Session,
    *,
    cursor: CursorParam = None,
    limit: LimitParam = 100,
    category: Annotated[CategoryReference | None, Query(description="Those of its products")] = None,
) -> AttributePage:
    """Attributes by code: their names for labels, and which are facets."""
    (after,) = decode_cursor(cursor, AttributeCode) or (None,)
    found = await queries.list_attributes(session, limit + 1, after=after, category=category)
    return AttributePage.of(found, limit, "code")


@router.post("/v1/attributes", status_code=201, dependencies=CHANGE)
async def create_attribute(body: NewAttribute, session: Session, response: Response) -> AttributeOut:
    """Define an attribute."""
    await attributes.create(session, body.changes())
    response.headers["Location"] = f"/v1/attributes/{body.code}"
    return await _one(session, body.code, response)


@router.get(PLACE, dependencies=[PUBLIC], responses=problems(404))
async def read_attribute(code: Named, session: Session, response: Response) -> AttributeOut:
    """One attribute. Its ETag is for `If-Match`."""
    return await _one(session, code, response)


@router.patch(PLACE, dependencies=CHANGE, responses=problems(404, 412))
async def change_attribute(
    code: Named, body: AttributeChange, session: Session, response: Response, expected: IfMatch = None
) -> AttributeOut:
    """Change an attribute; omitted fields stay unchanged. 409 if products have what would not be allowed any more."""
    await attributes.change(session, code, body.changes(), expected)
    return await _one(session, code, response)


@router.delete(PLACE, status_code=204, dependencies=CHANGE, responses=problems(404, 412))
async def delete_attribute(code: Named, session: Session, expected: IfMatch = None) -> None:
    """Delete an attribute that no product has."""
    await attributes.remove(session, code, expected)


async def _one(session: Session, code: str, response: Response) -> AttributeOut:
    attribute = await attributes.read(session, code)
    response.headers["ETag"] = tag(attribute.version)
    return AttributeOut.model_validate(attribute)
