"""A consistent snapshot of the catalogue, for services that keep a copy."""

from fastapi import Request
from fastapi.responses import StreamingResponse

from services.catalog import snapshot
from services.common.identity.policy import service
from services.common.storage.database import Database
from services.common.web import ndjson
from services.common.web.routing import Router

router = Router(tags=["snapshot"])


@router.get(
    "/v1/snapshot/products",
    dependencies=[service("serving")],
    response_class=StreamingResponse,
    responses=ndjson.lines_of("PRODUCT_UPDATED, and `offer` (null, or as in SPECIAL_PRICE_SET) with `offerVersion`"),
)
async def read_products(request: Request) -> StreamingResponse:
    """Every product with its offer and versions, one per line, by id; a missing product does not exist."""
    database: Database = request.app.state.database
    return await ndjson.streamed(snapshot.read(database, snapshot.PRODUCTS))


@router.get(
    "/v1/snapshot/categories",
    dependencies=[service("serving")],
    response_class=StreamingResponse,
    responses=ndjson.lines_of("CATEGORY_UPDATED"),
)
async def read_categories(request: Request) -> StreamingResponse:
    """Every category with its version, one per line, by id."""
    database: Database = request.app.state.database
    return await ndjson.streamed(snapshot.read(database, snapshot.CATEGORIES))
