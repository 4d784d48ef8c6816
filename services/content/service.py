"""The shelves of users."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import delete, func
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.storage.cache import Cache
from services.content import audit, queries
from services.content.domain import TITLES, Displays, Item, compose
from services.content.models import TopPageDisplay, Wish
from services.content.schemas import DisplaysOut, Shelf, ShelfItem

SHORTEST_CACHED = 1.0


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
    """Remove deleted users' shelves from every generation that is kept, their wishes, and their ids from the trail."""
    await queries.bump_version(session)
    for table in (TopPageDisplay, Wish):
        await session.execute(delete(table).where(table.user_id == func.any(user_ids)))
    await audit.erase(session, user_ids)


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
