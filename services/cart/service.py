"""Operations on carts: each function runs in the caller's transaction, and appends its events to it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from services.cart.clients import Product
from services.cart.domain import price_now, told_stock
from services.cart.models import OF_VISITORS, CartItem, Checkout
from services.cart.settings import CartSettings
from services.common.identity.ownership import is_visitor
from services.common.messaging.erasure import erased_among
from services.common.messaging.outbox import append
from services.common.runtime.errors import Conflict, Forbidden, NotFound
from services.common.web.idempotency_store import forget_answers
from services.contracts.events.actions import ActionType, ProductAction
from services.contracts.events.cart import CartItemChanged, CartMerged

PRODUCER = "cart"
Rows = Sequence[dict[str, Any]]
"""Items by column name."""
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:user_id, 11))")
"""One change of a cart at a time: its limits count its rows."""


class ProductNotFound(NotFound):
    """There is no such product, or it is not sold."""

    title = "Product not found"


class ItemNotFound(NotFound):
    """The product is not in the cart."""

    title = "Item not found"


class TooFew(Conflict):
    """Fewer are in stock than are wanted."""

    title = "Too few in stock"


class CartFull(Conflict):
    """The cart would have more products, or more pieces of one, than it may."""

    title = "Cart full"


class OtherCurrency(Conflict):
    """A cart has one currency."""

    title = "Other currency"


async def read(session: AsyncSession, user_id: str) -> Rows:
    """The items of a cart, in the order in which they were added."""
    present = (CartItem.user_id == user_id) & CartItem.removed_at.is_(None)
    query = select(*CartItem.__table__.columns).where(present).order_by(CartItem.added_at, CartItem.id)
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def put(
    session: AsyncSession,
    user_id: str,
    product: Product | None,
    quantity: int,
    settings: CartSettings,
    *,
    is_more: bool = False,
    search_id: str | None = None,
) -> None:
    """Have `quantity` pieces of a product in the cart, or with `is_more` so many more than there are.

    `search_id` is the search from whose results.

    Raises:
        ProductNotFound, TooFew, CartFull, OtherCurrency: see the classes.
    """
    if product is None or not product.is_sold:
        raise ProductNotFound("There is no such product, or it is not sold.")
    if not is_visitor(user_id) and await erased_among(session, [user_id]):
        raise Forbidden("This account was deleted.")
    items = await _locked(session, user_id)
    item = items.get(product.id)
    before = item.quantity if item and item.removed_at is None else 0
    wanted = before + quantity if is_more else quantity
    present = [each for each in items.values() if each.removed_at is None]
    _check(present, product, before, wanted, settings)
    if wanted == before:
        return
    columns = product.columns()
    now = datetime.now(UTC)
    price = price_now(columns, now)
    if before:
        kept = {"added_price": item.added_price, "added_at": item.added_at} if item else {}
        event, action = "CART_ITEM_CHANGED", ActionType.CART_UPDATE
    else:
        kept = {"added_price": price, "added_at": now}
        event, action = "CART_ITEM_ADDED", ActionType.CART_READD if item else ActionType.CART_ADD
    state = {**kept, "quantity": wanted, "removed_at": None, "changed_at": now}
    storing = insert(CartItem).values(user_id=user_id, product_id=product.id, **columns, **state)
    # a copy that is there may know more than this answer of catalog: it follows the events
    storing = storing.on_conflict_do_update(index_elements=["user_id", "product_id"], set_=state)
    item_id: int = (await session.execute(storing.returning(CartItem.id))).scalar_one()
    facts = _facts(user_id, item_id, product.id, wanted, product.currency, price)
    await _tell(session, event, action, facts, search_id)


async def remove(session: AsyncSession, user_id: str, product_id: int) -> None:
    """Take a product out of the cart.

    Raises:
        ItemNotFound: it is not in it.
    """
    item = (await _locked(session, user_id)).get(product_id)
    if item is None or item.removed_at is not None:
        raise ItemNotFound(f"The product {product_id} is not in the cart.")
    item.removed_at = item.changed_at = datetime.now(UTC)
    facts = _facts(user_id, item.id, product_id, 0, item.currency, _price(item))
    await _tell(session, "CART_ITEM_REMOVED", ActionType.CART_REMOVE, facts)


async def check_out(session: AsyncSession, user_id: str, order_id: int, bought: Mapping[int, int]) -> None:
    """Take out what was ordered, once for each order; what was added meanwhile stays."""
    once = insert(Checkout).values(order_id=order_id).on_conflict_do_nothing().returning(Checkout.order_id)
    if await session.scalar(once) is None:
        return
    items = await _locked(session, user_id)
    for product_id, quantity in bought.items():
        item = items.get(product_id)
        if item is None or item.removed_at is not None:
            continue
        left = max(item.quantity - quantity, 0)
        event = "CART_ITEM_CHANGED" if left else "CART_ITEM_REMOVED"
        facts = _facts(user_id, item.id, product_id, left, item.currency, _price(item))
        await append(session, PRODUCER, event, CartItemChanged(**facts, order_id=order_id))
        if left:
            item.quantity, item.changed_at = left, datetime.now(UTC)
        else:
            item.removed_at = datetime.now(UTC)
    await session.flush()
    if all(item.removed_at for item in items.values()):  # the next cart is another one
        await session.execute(delete(CartItem).where(CartItem.user_id == user_id))


async def merge(session: AsyncSession, visitor_id: str, user_id: str, settings: CartSettings) -> None:
    """Give a user who has logged in the visitor's cart: quantities are added up to the stock, the rest is left out."""
    if not await read(session, visitor_id) or await erased_among(session, [user_id]):
        return
    theirs = await _locked(session, visitor_id)
    mine = await _locked(session, user_id)
    present = [item for item in mine.values() if item.removed_at is None]
    currency = next((item.currency for item in present), None)
    free = settings.most_items - len(present)
    for item in sorted(theirs.values(), key=lambda each: (each.added_at, each.id)):
        if item.removed_at is not None or item.is_deleted or not item.is_active:
            continue
        own = mine.get(item.product_id)
        before = own.quantity if own and own.removed_at is None else 0
        after = min(before + item.quantity, max(item.stock, before), settings.most_pieces)
        if after <= before or (not before and free <= 0) or currency not in (None, item.currency):
            continue
        currency = item.currency
        free -= not before
        if own is not None:
            if not before:  # it had been removed
                own.added_at, own.added_price = item.added_at, item.added_price
            own.quantity, own.removed_at, own.changed_at = after, None, datetime.now(UTC)
        else:
            copied = {
                c.name: getattr(item, c.name) for c in CartItem.__table__.columns if c.name not in ("id", "user_id")
            }
            own = CartItem(**{**copied, "user_id": user_id, "quantity": after})
            session.add(own)
        await session.flush()
        facts = _facts(user_id, own.id, own.product_id, after, own.currency, _price(own))
        await append(session, PRODUCER, "CART_ITEM_CHANGED" if before else "CART_ITEM_ADDED", CartItemChanged(**facts))
    await session.execute(delete(CartItem).where(CartItem.user_id == visitor_id))
    await append(session, PRODUCER, "CART_MERGED", CartMerged(user_id=user_id, visitor_id=visitor_id))


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Forget the carts of deleted users, and the answers to their requests."""
    await session.execute(delete(CartItem).where(CartItem.user_id == func.any(user_ids)))
    await forget_answers(session, user_ids)


async def forget_visitors(session: AsyncSession, unchanged: timedelta) -> None:
    """Delete visitors' carts of which nothing has been changed for so long."""
    other, since = aliased(CartItem), datetime.now(UTC) - unchanged
    is_alive = exists().where(other.user_id == CartItem.user_id, other.changed_at >= since)
    await session.execute(delete(CartItem).where(text(OF_VISITORS), CartItem.changed_at < since, ~is_alive))


async def update_copies(
    session: AsyncSession, product_id: int, part: str, version: int, values: Mapping[str, Any]
) -> None:
    """Apply one part of a product to its copies, unless they have a newer one."""
    is_older = CartItem.__table__.c[part] <= version
    changing = update(CartItem).where(CartItem.product_id == product_id, is_older, CartItem.is_deleted.is_(False))
    await session.execute(changing.values({**values, part: version}).execution_options(synchronize_session=False))


async def mark_deleted(session: AsyncSession, product_id: int) -> None:
    """A deletion is final: ids are not used again."""
    await session.execute(update(CartItem).where(CartItem.product_id == product_id).values(is_deleted=True))


async def _locked(session: AsyncSession, user_id: str) -> dict[int, CartItem]:
    """The items of a cart by product, removed ones too, for the only transaction that may change it now."""
    await session.execute(_LOCK, {"user_id": user_id})
    items = await session.scalars(select(CartItem).where(CartItem.user_id == user_id))
    return {item.product_id: item for item in items}


def _check(present: Sequence[CartItem], product: Product, before: int, wanted: int, settings: CartSettings) -> None:
    if wanted > before and wanted > product.stock:
        raise TooFew(_too_few(told_stock(product.stock), wanted))
    if wanted > settings.most_pieces:
        raise CartFull(f"A cart takes {settings.most_pieces} pieces of one product.")
    if not before and len(present) >= settings.most_items:
        raise CartFull(f"A cart takes {settings.most_items} products.")
    others = {item.currency for item in present if item.product_id != product.id}
    if others - {product.currency}:
        raise OtherCurrency(f"The cart is in {', '.join(others)}, the product in {product.currency}.")


def _too_few(left: int | None, wanted: int) -> str:
    match left:
        case None:
            return f"So many are not in stock: {wanted}."
        case 0:
            return "It is sold out."
        case 1:
            return "Only 1 is in stock."
    return f"Only {left} are in stock."


def _price(item: CartItem) -> Decimal:
    return price_now({c.name: getattr(item, c.name) for c in CartItem.__table__.columns}, datetime.now(UTC))


def _facts(user_id: str, item_id: int, product_id: int, quantity: int, currency: str, price: Decimal) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "cart_item_id": item_id,
        "product_id": product_id,
        "quantity": quantity,
        "currency": currency,
        "product_price": price,
    }


async def _tell(
    session: AsyncSession, event: str, action: ActionType, facts: Mapping[str, Any], search_id: str | None = None
) -> None:
    await append(session, PRODUCER, event, CartItemChanged(**facts))
    await append(session, PRODUCER, action, ProductAction(**facts, request_id=search_id))
