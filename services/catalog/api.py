"""Products, their stock and their offers."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.catalog import bulk, queries, service, stock, variants
from services.catalog.schemas import (
    NewProduct,
    ProductChange,
    ProductOut,
    ProductPage,
    SpecialPrice,
    StockChange,
    StockLevel,
)
from services.common.identity.policy import PUBLIC, role
from services.common.identity.tokens import Principal
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web import ndjson
from services.common.web.bulk import run
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import IfMatch, tag
from services.common.web.references import CategoryReference, ProductReference, Sku
from services.common.web.routing import Router

router = Router(tags=["products"])
WRITER = role("merchandiser", "admin", services=("importer",))
STAFF = frozenset({"merchandiser", "analyst", "operator", "admin"})
CHANGE = [WRITER, IDEMPOTENT]


async def _named(
    session: Session, reference: Annotated[ProductReference, Path(alias="productId")]
) -> AsyncIterator[int]:
    """The id of the product that the path names; one that the caller may not see is missed by the name it was given."""
    product_id = await service.find(session, reference)
    try:
        yield product_id
    except service.ProductNotFound as missing:
        raise service.ProductNotFound(f"There is no product {reference}.") from missing


ProductId = Annotated[int, Depends(_named, scope="function")]
Caller = Annotated[Principal | None, PUBLIC]


@router.get("/v1/products")
async def list_products(  # noqa: PLR0913 - a filter each
    session: Session,
    caller: Caller,
    *,
    cursor: CursorParam = None,
    limit: LimitParam = 100,
    ids: Annotated[list[ProductReference] | None, Query(max_length=100)] = None,
    sku: Annotated[list[Sku] | None, Query(max_length=100)] = None,
    category: Annotated[CategoryReference | None, Query(description="Subcategories are included")] = None,
    active: bool | None = None,
) -> ProductPage:
    """Products by id, of which shoppers see the active ones; `GET /v1/search` finds them by words.

    `ids` (`7`, `sku:<id>`) or `sku` may be repeated, up to 100 in all.
    """
    (after,) = decode_cursor(cursor, int) or (None,)
    is_public = not is_staff(caller)
    rows = await queries.list_products(
        session,
        limit + 1,
        after=after,
        ids=ids,
        skus=sku,
        category=category,
        is_active=active,
        is_public=is_public,
    )
    return ProductPage.of([ProductOut.of(row, is_public=is_public) for row in rows], limit, "id")


@router.post("/v1/products", status_code=201, dependencies=CHANGE)
async def create_product(body: NewProduct, session: Session, response: Response) -> ProductOut:
    """Create a product."""
    product_id = await service.create(session, body.sku, body.changes())
    response.headers["Location"] = f"/v1/products/{product_id}"
    return await _one(session, product_id, response)


@router.post(
    "/v1/products/bulk",
    dependencies=[WRITER],
    response_class=StreamingResponse,
    responses=bulk.LINES,
    openapi_extra=ndjson.BODY,
    max_body_size=ndjson.MAX_BODY_BYTES,
)
async def upsert_products(request: Request) -> StreamingResponse:
    """Create or change products by sku, one JSON object per line with the fields of NewProduct.

    Omitted fields stay unchanged; a new product needs name and price. Lines are committed in chunks: an interrupted
    upload may be sent again.
    """
    return await run(request, bulk.upsert_products)


@router.get("/v1/products/{productId:product}", responses=problems(404))
async def read_product(product_id: ProductId, session: Session, caller: Caller, response: Response) -> ProductOut:
    """One product; for shoppers only if it is active.

    Its ETag is for `If-Match`: the versions of the product and of its offer, and for roles and services of its stock,
    which only changes of the stock compare.
    """
    return await _one(session, product_id, response, is_public=not is_staff(caller))


@router.patch("/v1/products/{productId:product}", dependencies=CHANGE, responses=problems(404, 412))
async def change_product(
    product_id: ProductId, body: ProductChange, session: Session, response: Response, expected: IfMatch = None
) -> ProductOut:
    """Change a product; omitted fields stay unchanged, and a parent has no stock of its own."""
    if "stock" in body.model_fields_set:
        await variants.check_has_stock(session, product_id)
    await service.change(session, product_id, body.changes(), expected)
    return await _one(session, product_id, response)


@router.delete("/v1/products/{productId:product}", status_code=204, dependencies=CHANGE, responses=problems(404, 412))
async def delete_product(product_id: ProductId, session: Session, expected: IfMatch = None) -> None:
    """Delete a product that has no variants."""
    await service.remove(session, product_id, expected)


@router.put("/v1/products/{productId:product}/stock", dependencies=CHANGE, responses=problems(404, 412))
async def set_stock(
    product_id: ProductId, body: StockLevel, session: Session, response: Response, expected: IfMatch = None
) -> ProductOut:
    """Set the stock; a parent has none of its own."""
    await variants.check_has_stock(session, product_id)
    await service.change(session, product_id, {"stock": body.stock}, expected)
    return await _one(session, product_id, response)


@router.patch("/v1/products/{productId:product}/stock", dependencies=CHANGE, responses=problems(404))
async def change_stock(product_id: ProductId, body: StockChange, session: Session, response: Response) -> ProductOut:
    """Decrease or increase the stock; it never goes below 0, and a parent has none of its own."""
    await stock.change(session, product_id, body.change, body.reason)
    return await _one(session, product_id, response)


@router.put("/v1/products/{productId:product}/special-price", dependencies=CHANGE, responses=problems(404, 412))
async def set_special_price(
    product_id: ProductId, body: SpecialPrice, session: Session, response: Response, expected: IfMatch = None
) -> ProductOut:
    """Set a product's offer below its price; it replaces an older one."""
    await service.change(session, product_id, {"special_price": dict(body)}, expected)
    return await _one(session, product_id, response)


@router.delete(
    "/v1/products/{productId:product}/special-price",
    status_code=204,
    dependencies=CHANGE,
    responses=problems(404, 412),
)
async def end_special_price(product_id: ProductId, session: Session, expected: IfMatch = None) -> None:
    """End a product's offer, if it has one."""
    await service.change(session, product_id, {"special_price": None}, expected)


def is_staff(caller: Principal | None) -> bool:
    """Whether the caller may know what the public may not."""
    return caller is not None and (caller.is_service or not caller.roles.isdisjoint(STAFF))


async def _one(session: Session, product_id: int, response: Response, *, is_public: bool = False) -> ProductOut:
    row = await service.read(session, product_id, is_public=is_public)
    shown = ProductOut.of(row, is_public=is_public)
    tells_offer = not is_public or shown.special_price is not None
    stock_version = () if is_public else (row["stock_version"],)
    response.headers["ETag"] = tag(row["product_version"], row["offer_version"] if tells_offer else 0, *stock_version)
    return shown
