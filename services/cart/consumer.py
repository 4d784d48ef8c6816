"""Follows catalog, so that carts show current products, and auth, so that a visitor's cart becomes the user's."""

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.cart import service
from services.cart.models import CartItem
from services.cart.settings import CartSettings
from services.common.messaging.messages import Message
from services.common.messaging.product_parts import NO_OFFER, parts_of
from services.contracts.events.catalog import ProductDeleted
from services.contracts.events.identity import UserAuthenticated

CATALOG, AUTH = "catalog.v1", "auth.v1"
COLUMNS = {
    "name": "product_name",
    "price": "product_price",
    "image": "product_image",
    **{name: name for name in (*NO_OFFER, "sku", "currency", "is_active", "stock")},
}
"""The columns of the copy, by the names in the parts of a product."""


async def follow_catalog(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Apply events in order to the copies of products that are in a cart."""
    told = [(getattr(message.payload, "product_id", None), message.payload) for message in messages]
    ids = [product_id for product_id, _ in told if product_id is not None]
    query = select(CartItem.product_id).where(CartItem.product_id == func.any(ids)).distinct()
    known = set(await session.scalars(query))
    for product_id, payload in told:
        if product_id not in known:
            continue
        if isinstance(payload, ProductDeleted):
            await service.mark_deleted(session, product_id)
        for part, version, values in parts_of(payload):
            named = {COLUMNS[name]: value for name, value in values.items() if name in COLUMNS}
            await service.update_copies(session, product_id, part, version, named)


def merging(settings: CartSettings) -> Callable[[AsyncSession, Sequence[Message]], Awaitable[None]]:
    """The handler that merges carts at login."""

    async def follow_auth(session: AsyncSession, messages: Sequence[Message]) -> None:
        for message in messages:
            told = message.payload
            if isinstance(told, UserAuthenticated) and told.visitor_id:
                await service.merge(session, told.visitor_id, told.user_id, settings)

    return follow_auth
