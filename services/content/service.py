"""The shelves of users."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, func
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.storage.cache import Cache
from services.content import audit, banners, campaigns, experiments, queries
from services.content import displays as rows
from services.content.domain import TITLES, Displays, Item, compose
from services.content.models import Experiment, Wish
from services.content.page_cache import MadeOf, PageCache
from services.content.schemas import DisplaysOut, Shelf, ShelfItem, ShownArm, ShownExperiment
from services.content.schemas_campaigns import ShownBanner
from services.content.schemas_planned import HiddenProduct, PlannedDisplays, ShownCampaign
from services.contracts.experiments import arm_of


async def displays(session: AsyncSession, cache: Cache, user_id: str | None, *, tells_hidden: bool) -> bytes:
    """The shelves of one user (None: for everyone) as the JSON of `DisplaysOut`; as the user wishes.

    What is hidden is told to those only who compose pages: the public is not to learn of it.
    Responses are cached until something changes that they show, and no change is missed.
    """
    active = await queries.active_for(session, user_id)
    cached = PageCache(cache, user_id, tells_hidden=tells_hidden)
    if (known := await cached.get(session, active)) is not None:
        return known
    composed, experiment = await _composed(session, active, user_id, datetime.now(UTC))
    answer = _answer(composed, user_id, active.generation, experiment)
    if not tells_hidden:
        answer |= {"hidden": None, "hidden_skus": None}
    body = DisplaysOut(**answer).model_dump_json(by_alias=True).encode()
    await cached.put(MadeOf.of(active, composed.true_until.timestamp(), composed.product_ids), body)
    return body


async def planned(session: AsyncSession, user_id: str | None, moment: datetime) -> PlannedDisplays:
    """What is planned for the page of one user (None: of everyone) at a time: shelves, and what else shows then."""
    active = await queries.active_for(session, user_id)
    composed, experiment = await _composed(session, active, user_id, moment)
    return PlannedDisplays(
        **_answer(composed, user_id, active.generation, experiment),
        hidden_by=[HiddenProduct.model_validate(row) for row in composed.hidden.values()],
        banners=[ShownBanner.model_validate(each) for each in await banners.shown_at(session, moment)],
        campaigns=[ShownCampaign.model_validate(each) for each in await campaigns.shown_at(session, moment)],
    )


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Remove deleted users' shelves from every generation that is kept, their wishes, and their ids from the trail."""
    await queries.bump_version(session)
    await rows.erase(session, user_ids)
    await session.execute(delete(Wish).where(Wish.user_id == func.any(user_ids)))
    await audit.erase(session, user_ids)


async def _composed(
    session: AsyncSession, active: Row[Any], user_id: str | None, moment: datetime
) -> tuple[Displays, ShownExperiment | None]:
    """The shelves at a time, as the user wishes, and the experiment: without consent those for everyone, and no arm."""
    whose = None if active.has_consent is False else user_id
    composed = compose(await queries.rows_for(session, active.generation, whose, moment), moment)
    shelves = {name: items for name, items in composed.shelves.items() if name not in (active.opted_out or ())}
    running, dates = await experiments.running_at(session, moment)
    return replace(composed, shelves=shelves, true_until=min([composed.true_until, *dates])), _shown(running, whose)


def _shown(running: Experiment | None, whose: str | None) -> ShownExperiment | None:
    if running is None:
        return None
    arms = [(arm["name"], arm["weight"]) for arm in running.arms]
    arm = None if whose is None else arm_of(running.name, arms, whose)
    return ShownExperiment(name=running.name, arm=arm, arms=[ShownArm(**each) for each in running.arms])


def _answer(
    composed: Displays, user_id: str | None, generation: str | None, experiment: ShownExperiment | None
) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "generation": generation,
        "shelves": [
            Shelf(
                display_type=display_type,
                title=TITLES[display_type],
                items=[_item(item, rank) for rank, item in enumerate(items, start=1)],
            )
            for display_type, items in composed.shelves.items()
        ],
        "hidden": list(composed.hidden),
        "hidden_skus": [row.sku for row in composed.hidden.values()],
        "experiment": experiment,
    }


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
        display_id=row.id if row.mode else None,
    )
