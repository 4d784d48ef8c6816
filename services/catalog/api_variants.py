"""The variants of a product: what is sold of it, and how they differ."""

from services.catalog import queries, service
from services.catalog.api import Caller, ProductId, is_staff
from services.catalog.schemas import ProductOut, ProductPage
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router

router = Router(tags=["products"])


@router.get("/v1/products/{productId:product}/variants", responses=problems(404))
async def list_variants(
    product_id: ProductId, session: Session, caller: Caller, *, cursor: CursorParam = None, limit: LimitParam = 100
) -> ProductPage:
    """The variants of a product or, if it is one, of its parent, by id; none if it has no variants."""
    (after,) = decode_cursor(cursor, int) or (None,)
    is_public = not is_staff(caller)
    await service.read(session, product_id, is_public=is_public)
    rows = await queries.list_variants(session, limit + 1, after=after, product_id=product_id, is_public=is_public)
    return ProductPage.of([ProductOut.of(row, is_public=is_public) for row in rows], limit, "id")
