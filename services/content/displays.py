"""Merchandisers' rows: products that are pinned or hidden."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.errors import Conflict, Fault, NotFound, Unprocessable
from services.content import audit, editing, queries
from services.content.duplicates import refuse_a_second
from services.content.editing import SCHEDULE, Contradiction, Edit, Kind
from services.content.models import TopPageDisplay
from services.content.promises import Promises, promises_more
from services.contracts.events.content import DisplayChanged


class DisplayNotFound(NotFound):
    """No manual row has this id."""

    title = "Display not found"


class NotAPin(Conflict):
    """The row hides its product, or is over."""

    title = "Not a pin"


class ShelfIsFull(Conflict):
    """One pin more on a shelf that has as many as it may."""

    title = "Shelf is full"


class UnknownSku(Unprocessable):
    """No product with this sku is known from catalog."""

    title = "Unknown sku"


class UnknownProduct(Unprocessable):
    """Catalog has no product with this id."""

    title = "Unknown product"


async def _complete(session: AsyncSession, row: TopPageDisplay) -> None:
    await editing.refuse_an_unknown_campaign(session, row)
    if row.promised_price is not None and row.mode != "pin":
        raise Contradiction(errors=[Fault(field="body.promisedPrice", message="only what is pinned promises a price")])
    await refuse_a_second(session, row)
    shelf = await queries.shelf_of(session, row)
    if shelf.pins >= queries.MOST_PINS and not shelf.has_it and _is_pin(row):
        raise ShelfIsFull(
            f"It has {shelf.pins} pins that are not over, and may have {queries.MOST_PINS}: end or remove some first."
        )
    if row.id is None:  # a new one is the last of its priority
        row.rank = shelf.last_rank + 1


def _is_pin(row: TopPageDisplay) -> bool:
    """Whether it has a place among pins, now or later."""
    return row.mode == "pin" and (row.end_date is None or datetime.now(UTC) < row.end_date)


DISPLAY = Kind(
    name="display",
    table=TopPageDisplay,
    fields=(
        *("display_type", "mode", "product_id", "user_id", "campaign_id", "priority", "promised_price", "reason"),
        *SCHEDULE,
    ),
    event=DisplayChanged,
    missing=DisplayNotFound,
    complete=_complete,
    is_edited=TopPageDisplay.generation.is_(None),
)


async def create(edit: Edit, values: dict[str, Any], promises: Promises) -> int:
    """Create a manual row; returns its id.

    Raises:
        UnknownSku, UnknownProduct, Contradiction, NotInCatalog,
            ShelfIsFull, AlreadyDecided: see the classes.
    """
    async with promises.sessions() as reading:
        identified = await _identified(reading, values)
    await _refuse_an_unknown_product(identified["product_id"], promises)
    await promises.check(identified)
    return (await editing.create(edit, DISPLAY, {"source": "manual", **identified})).id


async def change(edit: Edit, display_id: int, changes: dict[str, Any], promises: Promises) -> None:
    """Change a manual row; equal values change nothing.

    What is of the same product and promises no more than before needs no catalog.

    Raises:
        DisplayNotFound, PreconditionFailed, UnknownSku, UnknownProduct, Contradiction, NotInCatalog,
            ShelfIsFull, AlreadyDecided: see the classes.
    """
    async with promises.sessions() as reading:
        identified = await _identified(reading, changes)
        before = dict(await read(reading, display_id))
    after = {**before, **identified}
    if after["product_id"] != before["product_id"]:  # before anything is locked, because catalog may be asked
        await _refuse_an_unknown_product(after["product_id"], promises)
    if promises_more(before, after):
        await promises.check(after)
    await editing.change(edit, DISPLAY, display_id, identified)


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Remove what was shown to deleted users, and tell of merchandisers' rows that they are gone."""
    theirs = TopPageDisplay.user_id == func.any(user_ids)
    for row in (await session.scalars(select(TopPageDisplay).where(theirs, DISPLAY.is_edited))).all():
        await editing.tell(session, DISPLAY, row, "DELETED")
    await session.execute(delete(TopPageDisplay).where(theirs))


async def move(edit: Edit, display_id: int, after: int | None) -> TopPageDisplay:
    """Put a pin behind another one of its shelf, or (None) before all; returns it.

    It gets the priority of its new neighbour.

    Raises:
        DisplayNotFound, PreconditionFailed, NotAPin, Contradiction: see the classes.
    """
    await edit.begin()
    display = await edit.lock(DISPLAY, display_id)
    pins = await queries.pins(edit.session, display.display_type, display.user_id)
    if display not in pins:
        raise NotAPin("Only pins that are not over have a place.")
    others = [each for each in pins if each is not display]
    places = {None: 0} | {each.id: place for place, each in enumerate(others, start=1)}
    if after not in places:
        raise Contradiction(errors=[Fault(field="body.after", message="names no other pin of this shelf")])
    place = places[after]
    moved = [*others[:place], display, *others[place:]]
    if moved != pins:
        before = _standing(display, pins)
        display.priority = (others[place - 1] if place else others[0]).priority
        display.version += 1
        for rank, each in enumerate(moved, start=1):
            each.rank = rank
        await edit.session.flush()
        await editing.tell(edit.session, DISPLAY, display, "UPDATED")
        standing = _standing(display, moved)
        await audit.record(edit.session, edit.caller, DISPLAY.name, display_id, "MOVED", before, standing)
    return display


async def read(session: AsyncSession, display_id: int) -> RowMapping:
    """A manual row, with its product's data.

    Raises:
        DisplayNotFound: there is none.
    """
    row = await queries.one_display(session, display_id)
    if row is None:
        raise DisplayNotFound(f"There is no manual row {display_id}.")
    return row


def _standing(display: TopPageDisplay, pins: list[TopPageDisplay]) -> audit.Values:
    """Where it stands, for the trail, whose entries do not grow with the shelf: between which two, None at an end."""
    ids = [None, *(each.id for each in pins), None]
    place = ids.index(display.id)
    return {"between": [ids[place - 1], ids[place + 1]], "priority": display.priority}


async def _refuse_an_unknown_product(product_id: int, promises: Promises) -> None:
    """Raise if catalog has no such product: a row of none would show nothing to buy.

    Catalog is asked only about a product of which it has not told yet.
    """
    async with promises.sessions() as reading:
        is_known = await queries.is_product(reading, product_id)
    if not is_known and not await promises.catalog.has(product_id, promises.authorization):
        raise UnknownProduct(errors=[Fault(field="body.productId", message=f"names no product: {product_id}")])


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
