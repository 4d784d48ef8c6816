"""Reservations: stock that an order has taken and not paid for yet. Each function runs in the caller's transaction.

The stock of a product is what can still be sold: reserving takes pieces out of it, releasing gives them back, and
committing only says that they will not come back. A reservation ends by itself (`expiry.py`) unless it was committed.
Its id is the caller's, so every call may be repeated.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import store
from services.catalog.domain import ProductState
from services.catalog.models import Product
from services.catalog.reservations.models import Reservation, Restock
from services.catalog.stock import Quantities, move
from services.catalog.variants import parents_among
from services.common.runtime.errors import Conflict, Fault, NotFound
from services.contracts.prices import Offer, Price, line_amount, price_at


class Status(StrEnum):
    """HELD becomes COMMITTED or RELEASED, and stays that."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"


class ReservationNotFound(NotFound):
    """Nothing was reserved under this id."""

    title = "Reservation not found"


class ReservationOver(Conflict):
    """The reservation was released, expired, or is of other products."""

    title = "Reservation over"
    is_final = True


class NotAvailable(Conflict):
    """Some products are not sold, or not in that quantity; `errors` name them."""

    title = "Not available"


async def reserve(session: AsyncSession, reservation_id: str, wanted: Quantities, hold: timedelta) -> Reservation:
    """Take pieces out of the stock, all or none, at the prices of now; a repetition returns the first answer.

    Raises:
        NotAvailable: a product is not sold, or there are too few; or the products have several currencies.
        ReservationOver: the id was released, or stands for other products.
    """
    now = datetime.now(UTC)
    first = insert(Reservation).values(id=reservation_id, status=Status.HELD, lines=[], expires_at=now + hold)
    is_new = await session.scalar(first.on_conflict_do_nothing().returning(Reservation.id))
    reservation = await _locked(session, reservation_id)
    if is_new is None:
        if reservation.status == Status.RELEASED or _quantities(reservation.lines) != dict(wanted):
            raise ReservationOver(f"The reservation {reservation_id} is over, or of other products.")
        return reservation
    states = {each.id: each for each in await store.lock_products(session, Product.id == func.any(list(wanted)))}
    parents = await parents_among(session, wanted)
    if faults := list(_faults(states, wanted, parents)):
        raise NotAvailable("Not everything is available.", errors=faults)
    reservation.lines = [_line(states[product_id], quantity, now) for product_id, quantity in sorted(wanted.items())]
    await move(session, {product_id: -quantity for product_id, quantity in wanted.items()}, "reserved")
    return reservation


async def commit(session: AsyncSession, reservation_id: str) -> Reservation:
    """The pieces are sold.

    Raises:
        ReservationNotFound, ReservationOver: see the classes.
    """
    reservation = await _locked(session, reservation_id)
    if reservation.status == Status.RELEASED:
        raise ReservationOver(f"The reservation {reservation_id} was released, or expired at {reservation.expires_at}.")
    reservation.status = Status.COMMITTED
    return reservation


async def release(session: AsyncSession, reservation_id: str) -> Reservation:
    """Give the pieces back, also of a committed reservation; what comes later under this id is refused."""
    over = insert(Reservation).values(id=reservation_id, status=Status.RELEASED, lines=[], expires_at=func.now())
    await session.execute(over.on_conflict_do_nothing())
    reservation = await _locked(session, reservation_id)
    if reservation.status != Status.RELEASED:
        reservation.status = Status.RELEASED
        await move(session, _quantities(reservation.lines), "released")
    return reservation


async def release_expired(session: AsyncSession, most: int) -> int:
    """Release reservations that were not committed in time, the oldest first; returns how many there were."""
    due = (
        select(Reservation)
        .where(Reservation.status == Status.HELD, Reservation.expires_at <= func.now())
        .order_by(Reservation.expires_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    expired = (await session.scalars(due)).all()
    back: dict[int, int] = {}
    for reservation in expired:
        reservation.status = Status.RELEASED
        for product_id, quantity in _quantities(reservation.lines).items():
            back[product_id] = back.get(product_id, 0) + quantity
    await move(session, back, "expired")
    return len(expired)


async def restock(session: AsyncSession, return_id: str, returned: Quantities) -> None:
    """Put returned pieces into the stock again, once for each return; deleted products stay deleted."""
    once = insert(Restock).values(id=return_id).on_conflict_do_nothing().returning(Restock.id)
    if await session.scalar(once) is not None:
        await move(session, returned, "returned")


async def _locked(session: AsyncSession, reservation_id: str) -> Reservation:
    reservation = await session.get(Reservation, reservation_id, with_for_update=True)
    if reservation is None:
        raise ReservationNotFound(f"There is no reservation {reservation_id}.")
    return reservation


def _faults(states: Mapping[int, ProductState], wanted: Quantities, parents: Collection[int]) -> Sequence[Fault]:
    faults = []
    for place, (product_id, quantity) in enumerate(wanted.items()):
        state = states.get(product_id)
        if state is None or not state.product.is_active or product_id in parents:
            faults.append(Fault(field=f"body.items.{place}.productId", message="is not sold"))
        elif state.product.stock < quantity:
            left = state.product.stock
            faults.append(Fault(field=f"body.items.{place}.quantity", message=f"only {left} in stock"))
    if len({state.product.currency for state in states.values()}) > 1:
        faults.append(Fault(field="body.items", message="have prices in several currencies"))
    return faults


def _line(state: ProductState, quantity: int, now: datetime) -> dict[str, Any]:
    product, offer = state.product, state.offer
    special = Offer(offer.special_price, offer.currency, offer.start_date, offer.end_date) if offer else None
    price = price_at(now, Price(product.price, product.currency), special)
    return {
        "productId": product.product_id,
        "quantity": quantity,
        "productName": product.name,
        "image": product.image,
        "currency": product.currency,
        "price": str(price),
        "amount": str(line_amount(price, quantity, product.currency)),
    }


def _quantities(lines: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    return {line["productId"]: line["quantity"] for line in lines}
