"""Merchandisers' rows: products that are pinned or hidden."""

from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.identity.principal import Principal
from services.common.runtime.errors import Fault, NotFound, Unprocessable
from services.common.web.preconditions import Expected
from services.content import editing, queries
from services.content.editing import SCHEDULE, Contradiction, Kind
from services.content.models import TopPageDisplay
from services.contracts.envelope import DisplayType
from services.contracts.events.content import Change, DisplayChanged


class DisplayNotFound(NotFound):
    """No manual row has this id."""

    title = "Display not found"


class UnknownSku(Unprocessable):
    """No product with this sku is known from catalog."""

    title = "Unknown sku"


def _told(row: TopPageDisplay, made: Change) -> DisplayChanged:
    return DisplayChanged(
        display_id=row.id,
        change=made,
        display_type=DisplayType(row.display_type),
        product_id=row.product_id,
        mode=row.mode,
        campaign_id=row.campaign_id,
        start_date=row.start_date,
        end_date=row.end_date,
        is_active=row.is_active,
    )


DISPLAY = Kind(
    name="display",
    table=TopPageDisplay,
    fields=("display_type", "mode", "product_id", "user_id", "campaign_id", "priority", "reason", *SCHEDULE),
    event_type="DISPLAY_CHANGED",
    told=_told,
    missing=DisplayNotFound,
    check=editing.refuse_an_unknown_campaign,
    is_edited=TopPageDisplay.generation.is_(None),
)


async def create(session: AsyncSession, values: dict[str, Any], caller: Principal) -> int:
    """Create a manual row; returns its id.

    Raises:
        UnknownSku, Contradiction: see the classes.
    """
    identified = await _identified(session, values)
    return (await editing.create(session, DISPLAY, {"source": "manual", **identified}, caller)).id


async def change(
    session: AsyncSession, display_id: int, changes: dict[str, Any], expected: Expected | None, caller: Principal
) -> None:
    """Change a manual row; equal values change nothing.

    Raises:
        DisplayNotFound, PreconditionFailed, UnknownSku, Contradiction: see the classes.
    """
    identified = await _identified(session, changes)
    await editing.change(session, DISPLAY, display_id, identified, expected, caller)


async def remove(session: AsyncSession, display_id: int, expected: Expected | None, caller: Principal) -> None:
    """Delete a manual row.

    Raises:
        DisplayNotFound, PreconditionFailed: see the classes.
    """
    await editing.remove(session, DISPLAY, display_id, expected, caller)


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
