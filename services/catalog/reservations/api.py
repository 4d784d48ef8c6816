"""Reservations of stock, for the order service. Their ids are the caller's, so every call may be repeated."""

from typing import Annotated

from fastapi import Path

from services.catalog.reservations import reservations
from services.catalog.reservations.schemas import ReservationOut, Reserve, Returned
from services.common.identity.policy import service
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.routing import Router

router = Router(tags=["reservations"], dependencies=[])
ORDERS = service("order")
Name = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$", examples=["order-17"])]
ReservationId = Annotated[Name, Path(alias="reservationId")]


@router.put("/v1/reservations/{reservationId}", dependencies=[ORDERS], responses=problems(409))
async def reserve(reservation_id: ReservationId, body: Reserve, session: Session) -> ReservationOut:
    """Take pieces out of the stock, all or none; the answer has the prices that are true now."""
    return ReservationOut.of(await reservations.reserve(session, reservation_id, body.wanted(), body.hold))


@router.post("/v1/reservations/{reservationId}/commit", dependencies=[ORDERS], responses=problems(404, 409))
async def commit(reservation_id: ReservationId, session: Session) -> ReservationOut:
    """The pieces are sold; 409 if the reservation has expired."""
    return ReservationOut.of(await reservations.commit(session, reservation_id))


@router.post("/v1/reservations/{reservationId}/release", dependencies=[ORDERS])
async def release(reservation_id: ReservationId, session: Session) -> ReservationOut:
    """Give the pieces back; a reservation that was never made cannot be made any more."""
    return ReservationOut.of(await reservations.release(session, reservation_id))


@router.put("/v1/restocks/{returnId}", status_code=204, dependencies=[ORDERS])
async def restock(return_id: Annotated[Name, Path(alias="returnId")], body: Returned, session: Session) -> None:
    """Put returned pieces into the stock again."""
    await reservations.restock(session, return_id, body.wanted())
