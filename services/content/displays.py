"""Merchandisers' rows: products that are pinned or hidden."""

from typing import Any

from sqlalchemy import RowMapping, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.errors import Conflict, Fault, NotFound, Unprocessable
from services.content import audit, editing, queries
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


class UnknownSku(Unprocessable):
    """No product with this sku is known from catalog."""

    title = "Unknown sku"


async def _complete(session: AsyncSession, row: TopPageDisplay) -> None:
    await editing.refuse_an_unknown_campaign(session, row)
    if row.promised_price is not None and row.mode != "pin":
        raise Contradiction(errors=[Fault(field="body.promisedPrice", message="only what is pinned promises a price")])
    if row.id is None:  # a new one is the last of its priority
        row.rank = max((each.rank for each in await _beside(session, row)), default=0) + 1


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
        UnknownSku, Contradiction, NotInCatalog: see the classes.
    """
    async with promises.sessions() as reading:
        identified = await _identified(reading, values)
    await promises.check(identified)
    return (await editing.create(edit, DISPLAY, {"source": "manual", **identified})).id


async def change(edit: Edit, display_id: int, changes: dict[str, Any], promises: Promises) -> None:
    """Change a manual row; equal values change nothing, and what promises no more than before needs no catalog.

    Raises:
        DisplayNotFound, PreconditionFailed, UnknownSku, Contradiction, NotInCatalog: see the classes.
    """
    async with promises.sessions() as reading:
        identified = await _identified(reading, changes)
        before = dict(await read(reading, display_id))
    after = {**before, **identified}
    if promises_more(before, after):  # before anything is locked, because catalog is asked
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
    pins = await _beside(edit.session, display)
    if display not in pins:
        raise NotAPin("Only pins that are not over have a place.")
    others = [each for each in pins if each is not display]
    places = {None: 0} | {each.id: place for place, each in enumerate(others, start=1)}
    if after not in places:
        raise Contradiction(errors=[Fault(field="body.after", message="names no other pin of this shelf")])
    place = places[after]
    moved = [*others[:place], display, *others[place:]]
    if moved != pins:
        display.priority = (others[place - 1] if place else others[0]).priority
        display.version += 1
        for rank, each in enumerate(moved, start=1):
            each.rank = rank
        await edit.session.flush()
        await editing.tell(edit.session, DISPLAY, display, "UPDATED")
        before, order = ({"order": [each.id for each in these]} for these in (pins, moved))
        await audit.record(edit.session, edit.caller, DISPLAY.name, display_id, "MOVED", before, order)
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


async def _beside(session: AsyncSession, display: TopPageDisplay) -> list[TopPageDisplay]:
    """The pins among which it stands, or would."""
    return await queries.pins(session, display.display_type, display.user_id)


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
