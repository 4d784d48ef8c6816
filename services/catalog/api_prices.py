"""What products cost over time."""

from datetime import datetime

from services.catalog import service
from services.catalog.api import STAFF, ProductId
from services.catalog.models import PriceChange
from services.catalog.schemas_prices import PriceChangePage
from services.common.identity.policy import role
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.storage.latest import latest
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router

router = Router(tags=["products"])


@router.get("/v1/products/{productId:product}/prices", dependencies=[role(*sorted(STAFF))], responses=problems(404))
async def list_prices(
    product_id: ProductId, session: Session, *, cursor: CursorParam = None, limit: LimitParam = 100
) -> PriceChangePage:
    """The prices and offers that a product has had, the latest first."""
    after = decode_cursor(cursor, datetime, int)
    await service.read(session, product_id, is_public=False)
    order = (PriceChange.changed_at, PriceChange.id)
    rows = await latest(session, PriceChange, PriceChange.product_id == product_id, order, after, limit + 1)
    return PriceChangePage.of(rows, limit, "changed_at", "id")
