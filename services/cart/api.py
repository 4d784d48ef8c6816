"""A shopper's cart, a visitor's or a user's."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Request

from services.cart import service
from services.cart.clients import Catalog, Product
from services.cart.domain import Cart
from services.cart.schemas import Bought, CartOut, NewItem, NewQuantity
from services.cart.settings import CartSettings
from services.common.identity.policy import SHOPPER, owner, shopper
from services.common.identity.policy import service as service_policy
from services.common.identity.principal import Principal
from services.common.runtime.answers import CallFailedError
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId, UserId
from services.common.web.idempotency import REQUIRES_KEY
from services.common.web.routing import Router

router = Router(tags=["cart"])
Caller = Annotated[Principal, SHOPPER]
Viewer = Annotated[Principal, shopper(takes_views=True)]
ProductId = Annotated[PathId, Path(alias="productId")]
Owner = Annotated[UserId, Path(alias="userId")]
CHANGE = [SHOPPER, REQUIRES_KEY]


@router.get("/v1/carts/me")
async def read_own_cart(request: Request, caller: Viewer) -> CartOut:
    """The caller's cart at the prices and the stock of now; it opens without catalog, too, marked `stale`."""
    return await _now(request, caller.subject)


@router.post("/v1/carts/me/items", dependencies=CHANGE, responses=problems(404, 409))
async def add_item(body: NewItem, request: Request, session: Session, caller: Caller) -> CartOut:
    """Add a product, or more of one; 409 if there are too few, or the cart has another currency or is full."""
    product = await _product(request, body.reference)
    settings = _settings(request)
    await service.put(session, caller.subject, product, body.quantity, settings, is_more=True, search_id=body.search_id)
    return await _changed(session, caller.subject, product)


@router.put("/v1/carts/me/items/{productId:int}", dependencies=CHANGE, responses=problems(404, 409))
async def set_quantity(
    product_id: ProductId, body: NewQuantity, request: Request, session: Session, caller: Caller
) -> CartOut:
    """Have that many of a product in the cart."""
    product = await _product(request, str(product_id))
    await service.put(session, caller.subject, product, body.quantity, _settings(request))
    return await _changed(session, caller.subject, product)


@router.delete("/v1/carts/me/items/{productId:int}", dependencies=CHANGE, responses=problems(404))
async def remove_item(product_id: ProductId, session: Session, caller: Caller) -> CartOut:
    """Take a product out of the cart."""
    await service.remove(session, caller.subject, product_id)
    return await _changed(session, caller.subject)


@router.get("/v1/carts/{userId}", dependencies=[owner("operator", services=("order", "profile"))])
async def read_cart(user_id: Owner, request: Request) -> CartOut:
    """Somebody's cart."""
    return await _now(request, user_id)


@router.put("/v1/carts/{userId}/checkouts/{orderId}", status_code=204, dependencies=[service_policy("order")])
async def check_out(
    user_id: Owner, order_id: Annotated[PathId, Path(alias="orderId")], body: Bought, session: Session
) -> None:
    """Take out what was ordered; it may be repeated."""
    bought = {each.product_id: each.quantity for each in body.items}
    await service.check_out(session, user_id, order_id, bought)


async def _now(request: Request, user_id: str) -> CartOut:
    """The cart as catalog sees it now; no connection is held while catalog is asked."""
    async with request.app.state.database.sessions() as session:
        items = await service.read(session, user_id)
    try:
        found = await _catalog(request).products([str(each["product_id"]) for each in items])
    except CallFailedError:
        return _shown(user_id, items, {}, stale=True)
    gone = {each["product_id"]: {**each, "is_deleted": True} for each in items}
    return _shown(user_id, items, gone | {each.id: each.columns() for each in found})


async def _changed(session: Session, user_id: str, product: Product | None = None) -> CartOut:
    """The cart after a change, which has just asked catalog for what was changed in it."""
    live = {product.id: product.columns()} if product else {}
    return _shown(user_id, await service.read(session, user_id), live)


def _shown(user_id: str, items: service.Rows, live: dict[int, dict[str, Any]], *, stale: bool = False) -> CartOut:
    return CartOut.of(user_id, Cart.of(items, live, datetime.now(UTC)), stale=stale)


async def _product(request: Request, reference: str) -> Product | None:
    return next(iter(await _catalog(request).products([reference])), None)


def _catalog(request: Request) -> Catalog:
    catalog: Catalog = request.app.state.catalog
    return catalog


def _settings(request: Request) -> CartSettings:
    settings: CartSettings = request.app.state.settings
    return settings
