"""Records what buyers say of products, of many at once, and takes it away where an order was cancelled.

Two entrances, one function: the API, and REVIEW_SUBMIT on `user-actions.v1`. Whoever changes reviews of a product has
its row locked, so that its rating is computed by one at a time, from all reviews that are there.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import store
from services.catalog.models import Product
from services.catalog.reviews import purchases, stored
from services.catalog.reviews.models import Review
from services.catalog.reviews.stored import Row
from services.common.messaging.erasure import erased_among


class Outcome(StrEnum):
    """What became of a submission."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    NOT_BOUGHT = "not bought"
    NO_PRODUCT = "no product"
    ERASED = "erased"


@dataclass(frozen=True)
class Submission:
    """What a user says of a product; without `submitted_at` now, after whatever is there."""

    user_id: str
    product_id: int
    rating: int
    text: str | None
    submitted_at: datetime | None = None

    @property
    def pair(self) -> purchases.Pair:
        """User and product."""
        return self.user_id, self.product_id


async def record(session: AsyncSession, submissions: Sequence[Submission]) -> list[Outcome]:
    """Store reviews in order, in a few statements however many they are; what is older than the stored one is not."""
    erased = await erased_among(session, {each.user_id for each in submissions})
    ids = {each.product_id for each in submissions}
    known = {state.id for state in await store.lock_products(session, Product.id == func.any(list(ids)))}
    bought = await purchases.bought_among(session, {each.pair for each in submissions})
    rows = await stored.read(session, {each.pair for each in submissions})
    before = {(row["user_id"], row["product_id"]): row for row in rows}
    after, outcomes = dict(before), []
    for each in submissions:
        if each.user_id in erased:
            outcomes.append(Outcome.ERASED)
        elif each.product_id not in known:
            outcomes.append(Outcome.NO_PRODUCT)
        elif each.pair not in bought:
            outcomes.append(Outcome.NOT_BOUGHT)
        elif (row := _next(after.get(each.pair), each)) is None:
            outcomes.append(Outcome.UNCHANGED)
        else:
            after[each.pair] = row
            outcomes.append(Outcome.STORED)
    await stored.write(session, [row for pair, row in after.items() if before.get(pair) is not row])
    return outcomes


def _next(row: Row | None, given: Submission) -> Row | None:
    """A review's columns after a submission; None if it changes nothing."""
    now = datetime.now(UTC)
    if row is None:
        at = min(given.submitted_at or now, now)
        new = {"product_id": given.product_id, "user_id": given.user_id, "is_hidden": False, "moderations": []}
        return {"id": 0, **new, "rating": given.rating, "text": given.text, "version": 1, "submitted_at": at}
    is_older = given.submitted_at is not None and given.submitted_at <= row["submitted_at"]
    if is_older or (row["rating"], row["text"]) == (given.rating, given.text):
        return None
    at = max(min(given.submitted_at or now, now), row["submitted_at"])
    return {**row, "rating": given.rating, "text": given.text, "version": row["version"] + 1, "submitted_at": at}


async def take_away(session: AsyncSession, cancelled: Collection[purchases.Pair]) -> None:
    """Delete the reviews of who has cancelled what was reviewed, or the variant of it that was bought.

    A hidden one stays, as it does for its author. The products are locked first: a review that is just being written
    is there by then, and none is written afterwards.
    """
    sold = [product_id for _, product_id in cancelled]
    which = select(Product.id, Product.parent_id).where(Product.id == func.any(sold), Product.parent_id.is_not(None))
    parents = {row.id: row.parent_id for row in await session.execute(which)}
    pairs = set(cancelled) | {(user_id, parents[each]) for user_id, each in cancelled if each in parents}
    await store.lock_products(session, Product.id == func.any(list({product_id for _, product_id in pairs})))
    rows = await stored.read(session, pairs)
    found = {(row["user_id"], row["product_id"]): row["id"] for row in rows if not row["is_hidden"]}
    for pair in await purchases.bought_among(session, found):
        del found[pair]
    await stored.remove(session, Review.id == func.any(list(found.values())))
