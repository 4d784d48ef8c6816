"""What a product cost over time, and its lowest price before an offer.

A change of its price deletes what no longer held 400 days ago: so the table grows with the products, not with time.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, DateTime, ScalarSelect, case, cast, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import ProductState
from services.catalog.models import PriceChange, Product, SpecialPrice
from services.common.storage.upsert import upsert_rows

BEFORE = timedelta(days=30)
"""How long before an offer its lowest price counts, as the EU's Price Indication Directive has it."""
_PASSED = text(  # but what counts for the present offer, however long ago it began
    """
    DELETE FROM price_changes AS passed
    WHERE product_id = ANY(:product_ids) AND changed_at < now() - interval '400 days'
      AND EXISTS (
        SELECT FROM price_changes AS following
        WHERE following.product_id = passed.product_id
          AND (following.changed_at, following.id) > (passed.changed_at, passed.id)
          AND following.changed_at < LEAST(
            now() - interval '400 days',
            (SELECT start_date - CAST(:before AS interval) FROM special_prices WHERE product_id = passed.product_id)
          )
      )
    """
)
_FOREVER = cast(literal("infinity"), DateTime(timezone=True))


async def keep(session: AsyncSession, before: Mapping[int, ProductState], after: Sequence[ProductState]) -> None:
    """Keep the prices and offers that are new or differ from `before`, which are already stored."""
    changed = [state for state in after if (old := before.get(state.id)) is None or _terms(old) != _terms(state)]
    await upsert_rows(session, PriceChange, [_terms(state) for state in changed])
    if ids := [state.id for state in changed if state.id in before]:
        await session.execute(_PASSED, {"product_ids": ids, "before": BEFORE})


def _terms(state: ProductState) -> dict[str, Any]:
    product, offer = state.product, state.offer
    return {
        "product_id": product.product_id,
        "price": product.price,
        "currency": product.currency,
        "special_price": offer and offer.special_price,
        "start_date": offer and offer.start_date,
        "end_date": offer and offer.end_date,
    }


def lowest_before_offer() -> ScalarSelect[Decimal]:
    """The lowest price of the 30 days before the offer of a product that is joined to it; null without an offer."""
    until: ColumnElement[Any] = func.lead(PriceChange.changed_at).over(
        order_by=(PriceChange.changed_at, PriceChange.id)
    )
    history = (
        select(PriceChange, func.coalesce(until, _FOREVER).label("until"))
        .where(PriceChange.product_id == Product.id)
        .correlate(Product)
        .subquery()
    )
    begin, end = SpecialPrice.start_date - BEFORE, SpecialPrice.start_date
    starts, ends = history.c.start_date, func.coalesce(history.c.end_date, _FOREVER)
    was_offered = (starts < func.least(history.c.until, end)) & (ends > func.greatest(history.c.changed_at, begin))
    special = case((was_offered, history.c.special_price))
    lowest = select(func.min(func.least(history.c.price, special)))
    return (
        lowest.where(history.c.currency == Product.currency, history.c.changed_at < end, history.c.until > begin)
        .correlate(Product, SpecialPrice)
        .scalar_subquery()
    )
