"""Merchandisers' rows, and the shelves of users."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import RowMapping, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.outbox import append
from services.common.runtime.errors import Fault, NotFound, Unprocessable
from services.common.storage.cache import Cache
from services.content import queries
from services.content.domain import TITLES, Displays, Item, compose
from services.content.models import TopPageDisplay, Wish
from services.content.schemas import DisplaysOut, Shelf, ShelfItem
from services.contracts.envelope import DisplayType
from services.contracts.events.content import DisplayChanged

PRODUCER = "content"
SHORTEST_CACHED = 1.0


class DisplayNotFound(NotFound):
    """No manual row has this id."""

    title = "Display not found"


class Contradiction(Unprocessable):
    """The row's fields contradict each other."""

    title = "Contradicting values"


class UnknownSku(Unprocessable):
    """No product with this sku is known from catalog."""

    title = "Unknown sku"


async def displays(session: AsyncSession, cache: Cache, user_id: str | None) -> bytes:
    """The shelves of one user (None: for everyone) as the JSON of `DisplaysOut`; as the user wishes.

    Responses are cached by the version of what is shown, so that no change is missed, until the next date that matters.
    """
    active = await queries.active_for(session, user_id)
    whose, opted_out = (None if active.has_consent is False else user_id), frozenset(active.opted_out or ())
    wished = f"{'own' if whose else 'everyones'} {' '.join(sorted(opted_out))}"
    key = f"displays:{active.version}:{wished}:{'everyone' if user_id is None else 'user:' + user_id}"
    if (known := await cache.get(key)) is not None:
        return known
    now = datetime.now(UTC)
    composed = compose(await queries.rows_for(session, active.generation, whose), now)
    shelves = {name: items for name, items in composed.shelves.items() if name not in opted_out}
    composed = replace(composed, shelves=shelves)
    body = _answer(composed, user_id, active.generation).model_dump_json(by_alias=True).encode()
    if (seconds := (composed.true_until - now).total_seconds()) >= SHORTEST_CACHED:
        await cache.set(key, body, seconds)
    return body


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Remove the shelves of deleted users, in every generation that is kept, and what they wished of them."""
    await queries.bump_version(session)
    for table in (TopPageDisplay, Wish):
        await session.execute(delete(table).where(table.user_id == func.any(user_ids)))


def _answer(composed: Displays, user_id: str | None, generation: str | None) -> DisplaysOut:
    return DisplaysOut(
        user_id=user_id,
        generation=generation,
        shelves=[
            Shelf(
                display_type=display_type,
                title=TITLES[display_type],
                items=[_item(item, rank) for rank, item in enumerate(items, start=1)],
            )
            for display_type, items in composed.shelves.items()
        ],
        hidden=list(composed.hidden),
        hidden_skus=list(composed.hidden.values()),
    )


def _item(item: Item, rank: int) -> ShelfItem:
    row = item.row
    return ShelfItem(
        product_id=row.product_id,
        sku=row.sku,
        product_name=row.product_name,
        product_price=row.product_price,
        special_price=item.special_price,
        currency=row.currency,
        rating=row.rating,
        image=row.image,
        category_id=row.category_id,
        category_code=row.category_code,
        category_name=row.category_name,
        rank=rank,
        score=row.score,
        reason=row.reason,
        source="manual" if row.mode else "model",
    )


async def create(session: AsyncSession, values: dict[str, Any]) -> int:
    """Create a manual row; returns its id.

    Raises:
        UnknownSku, Contradiction: see the classes.
    """
    await queries.bump_version(session)
    identified = await _identified(session, values)
    display = TopPageDisplay(source="manual", **{"start_date": datetime.now(UTC), **identified})
    _refuse_contradictions(display)
    session.add(display)
    await session.flush()
    await _append_change(session, display, "CREATED")
    return display.id


async def change(session: AsyncSession, display_id: int, changes: dict[str, Any]) -> None:
    """Change a manual row; equal values change nothing.

    Raises:
        DisplayNotFound, UnknownSku, Contradiction: see the classes.
    """
    await queries.bump_version(session)
    display = await _find(session, display_id)
    for name, value in (await _identified(session, changes)).items():
        setattr(display, name, value)
    _refuse_contradictions(display)
    if session.is_modified(display):
        await session.flush()
        await _append_change(session, display, "UPDATED")


async def remove(session: AsyncSession, display_id: int) -> None:
    """Delete a manual row.

    Raises:
        DisplayNotFound: there is none.
    """
    await queries.bump_version(session)
    display = await _find(session, display_id)
    await session.delete(display)
    await session.flush()
    await _append_change(session, display, "DELETED")


async def read(session: AsyncSession, display_id: int) -> RowMapping:
    """A manual row, with its product's data.

    Raises:
        DisplayNotFound: there is none.
    """
    row = await queries.one_display(session, display_id)
    if row is None:
        raise DisplayNotFound(f"There is no manual row {display_id}.")
    return row


async def _identified(session: AsyncSession, values: dict[str, Any]) -> dict[str, Any]:
    """The values, with a sku resolved to the product's id."""
    if (sku := values.get("sku")) is None:
        return values
    product_id = (await queries.ids_of(session, [sku])).get(("sku", sku))
    if product_id is None:
        raise UnknownSku(errors=[Fault(field="body.sku", message=f"names no product: {sku}")])
    if values.get("product_id", product_id) != product_id:
        raise Contradiction(errors=[Fault(field="body.sku", message=f"is the sku of {product_id}, not of productId")])
    return {**{name: value for name, value in values.items() if name != "sku"}, "product_id": product_id}


async def _find(session: AsyncSession, display_id: int) -> TopPageDisplay:
    manual = select(TopPageDisplay).where(TopPageDisplay.id == display_id, TopPageDisplay.generation.is_(None))
    display = await session.scalar(manual.with_for_update())
    if display is None:
        raise DisplayNotFound(f"There is no manual row {display_id}.")
    return display


def _refuse_contradictions(display: TopPageDisplay) -> None:
    if display.end_date is not None and display.end_date <= display.start_date:
        raise Contradiction(errors=[Fault(field="body.endDate", message="must lie after startDate")])


async def _append_change(
    session: AsyncSession, display: TopPageDisplay, change_made: Literal["CREATED", "UPDATED", "DELETED"]
) -> None:
    changed = DisplayChanged(
        display_id=display.id,
        change=change_made,
        display_type=DisplayType(display.display_type),
        product_id=display.product_id,
    )
    await append(session, PRODUCER, "DISPLAY_CHANGED", changed)
