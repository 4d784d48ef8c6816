"""Reviews of products by who bought them, one of each, and the ratings of products that follow from them.

Two entrances, one function: the API, and REVIEW_SUBMIT on `user-actions.v1`. Whoever changes reviews of a product has
its row locked, so that its rating is computed by one at a time, from all reviews that are there.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Numeric, and_, cast, delete, func, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import moderations, purchases, service, store
from services.catalog.models import EarlyReview, Product, Purchase, Review
from services.common.messaging import inbox
from services.common.messaging.erasure import erased_among
from services.common.messaging.outbox import append_events
from services.common.runtime.errors import Conflict, Forbidden, NotFound
from services.common.storage.latest import latest
from services.common.storage.upsert import upsert_rows
from services.common.web.idempotency_store import forget_answers
from services.contracts.envelope import Event
from services.contracts.events.actions import ActionType, ProductAction
from services.contracts.events.catalog import ReviewDeleted, ReviewSnapshot

PRODUCER: Final = service.PRODUCER
FROM_THE_LOG: Final = "catalog.reviews"
"""The consumer that reads REVIEW_SUBMIT, our own among them."""


Position = tuple[Any, ...] | None


class NotBought(Forbidden):
    """Only who has bought a product may review it."""

    title = "Not bought"


class ReviewNotFound(NotFound):
    """There is no such review."""

    title = "Review not found"


class ReviewHidden(Conflict):
    """A hidden review stays, so that nobody gets it shown again by writing it anew."""

    title = "Review hidden"


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


async def write(session: AsyncSession, submission: Submission) -> Review:
    """A user's own review, as it is after this; what changes is told on the action log, too.

    Raises:
        ProductNotFound, NotBought, Forbidden: as they say.
    """
    (outcome,) = await record(session, [submission])
    if outcome is Outcome.ERASED:
        raise Forbidden("This account was deleted.")
    if outcome is Outcome.NO_PRODUCT:
        raise service.ProductNotFound(f"There is no product {submission.product_id}.")
    if outcome is Outcome.NOT_BOUGHT:
        raise NotBought("Only who has bought a product may review it.")
    review = await own(session, *submission.pair)
    if outcome is Outcome.STORED:
        await _tell_the_log(session, review)
    return review


async def record(session: AsyncSession, submissions: Sequence[Submission]) -> list[Outcome]:
    """Store reviews in order, in a few statements however many they are; what is older than the stored one is not."""
    erased = await erased_among(session, {each.user_id for each in submissions})
    ids = {each.product_id for each in submissions}
    known = {state.id for state in await store.lock_products(session, Product.id == func.any(list(ids)))}
    bought = await purchases.bought_among(session, {each.pair for each in submissions})
    before = {(row["user_id"], row["product_id"]): row for row in await _stored(session, {s.pair for s in submissions})}
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
    await _write(session, [row for pair, row in after.items() if before.get(pair) is not row])
    return outcomes


def _next(row: dict[str, Any] | None, given: Submission) -> dict[str, Any] | None:
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


async def own(session: AsyncSession, user_id: str, product_id: int) -> Review:
    """A user's review of a product.

    Raises:
        NotBought, ReviewNotFound: there is none, and may be none; there is none yet.
    """
    query = select(Review).where(Review.user_id == user_id, Review.product_id == product_id)
    review: Review | None = await session.scalar(query.execution_options(populate_existing=True))
    if review is None:
        if not await purchases.bought_among(session, [(user_id, product_id)]):
            raise NotBought("Only who has bought a product may review it.")
        raise ReviewNotFound("You have not reviewed this product.")
    return review


async def shown(session: AsyncSession, product_id: int, after: Position, limit: int) -> Sequence[Review]:
    """Reviews of a product that everybody sees, the latest first."""
    which = and_(Review.product_id == product_id, Review.is_hidden.is_(False))
    return await latest(session, Review, which, [Review.submitted_at, Review.id], after, limit)


async def every(
    session: AsyncSession, after: Position, limit: int, *, product_id: int | None, is_hidden: bool | None
) -> Sequence[Review]:
    """All reviews that pass the filters, the last to arrive first."""
    conditions = [
        *([Review.product_id == product_id] if product_id is not None else []),
        *([Review.is_hidden == is_hidden] if is_hidden is not None else []),
    ]
    return await latest(session, Review, and_(true(), *conditions), [Review.id], after, limit)


async def known_of(session: AsyncSession, user_id: str) -> dict[str, Any]:
    """What is stored about a user."""
    theirs = select(Review).where(Review.user_id == user_id).order_by(Review.id)
    bought = select(Purchase.product_id).where(Purchase.user_id == user_id).order_by(Purchase.product_id).distinct()
    waiting = select(EarlyReview).where(EarlyReview.user_id == user_id).order_by(EarlyReview.product_id)
    return {
        "reviews": list(await session.scalars(theirs)),
        "waiting_reviews": list(await session.scalars(waiting)),
        "bought_product_ids": list(await session.scalars(bought)),
        "moderations": await moderations.of_a_user(session, user_id),
    }


async def remove(session: AsyncSession, user_id: str, product_id: int) -> None:
    """Delete a user's own review.

    Raises:
        NotBought, ReviewNotFound, ReviewHidden: see the classes.
    """
    await store.lock_products(session, Product.id == product_id)
    review = await own(session, user_id, product_id)
    if review.is_hidden:
        raise ReviewHidden("A hidden review cannot be deleted; its text can be taken back.")
    await session.execute(delete(Review).where(Review.id == review.id))
    await _forget(session, [(review.id, product_id)])


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
    rows = await _stored(session, pairs)
    found = {(row["user_id"], row["product_id"]): row["id"] for row in rows if not row["is_hidden"]}
    for pair in await purchases.bought_among(session, found):
        del found[pair]
    await session.execute(delete(Review).where(Review.id == func.any(list(found.values()))))
    await _forget(session, [(review_id, product_id) for (_, product_id), review_id in found.items()])


async def moderate(session: AsyncSession, review_id: int, by: str, *, is_hidden: bool, reason: str | None) -> Review:
    """Hide a review, or show it again; what is so already changes nothing.

    Raises:
        ReviewNotFound: see the class.
    """
    product_id = await session.scalar(select(Review.product_id).where(Review.id == review_id))
    await store.lock_products(session, Product.id == product_id)
    review = await session.get(Review, review_id)
    if review is None:
        raise ReviewNotFound(f"There is no review {review_id}.")
    if review.is_hidden != is_hidden:
        done = {"isHidden": is_hidden, "reason": reason, "by": by, "at": datetime.now(UTC).isoformat()}
        review.is_hidden, review.moderations = is_hidden, [*review.moderations, done]
        review.version += 1
        await session.flush()
        await append_events(session, [Event.of("REVIEW_UPDATED", _snapshot(vars(review)), producer=PRODUCER)])
        await _rate(session, [review.product_id])
    return review


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Delete what is known of users; the ratings of products are then those of other reviews.

    What they moderated stays as it is, without their ids.
    """
    await forget_answers(session, user_ids)
    await moderations.erase(session, user_ids)
    for table in (Purchase, EarlyReview):
        await session.execute(delete(table).where(table.user_id == func.any(user_ids)))
    theirs = Review.user_id == func.any(user_ids)
    ids = (await session.scalars(select(Review.product_id).where(theirs))).all()
    await store.lock_products(session, Product.id == func.any(list(ids)))
    rows = (await session.execute(delete(Review).where(theirs).returning(Review.id, Review.product_id))).all()
    await _forget(session, [(row.id, row.product_id) for row in rows])


async def _stored(session: AsyncSession, pairs: Collection[purchases.Pair]) -> Sequence[dict[str, Any]]:
    columns = [column for column in Review.__table__.columns if column.name != "created_at"]
    query = select(*columns).where(tuple_(Review.user_id, Review.product_id).in_(list(pairs)))
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def _write(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    new = [row for row in rows if not row["id"]]
    for row, review_id in zip(new, await store.new_ids(session, Review, len(new)), strict=True):
        row["id"] = review_id
    await upsert_rows(session, Review, rows)
    await append_events(session, [Event.of("REVIEW_UPDATED", _snapshot(row), producer=PRODUCER) for row in rows])
    await _rate(session, {row["product_id"] for row in rows})


def _snapshot(row: dict[str, Any]) -> ReviewSnapshot:
    return ReviewSnapshot(
        review_id=row["id"],
        product_id=row["product_id"],
        rating=row["rating"],
        text_length=len(row["text"] or ""),
        is_hidden=row["is_hidden"],
        hidden_reason=row["moderations"][-1]["reason"] if row["is_hidden"] else None,
        submitted_at=row["submitted_at"],
        review_version=row["version"],
    )


async def _forget(session: AsyncSession, reviews: Sequence[tuple[int, int]]) -> None:
    """Tell that reviews, each of a product, were deleted."""
    gone = [ReviewDeleted(review_id=review_id, product_id=product_id) for review_id, product_id in reviews]
    await append_events(session, [Event.of("REVIEW_DELETED", each, producer=PRODUCER) for each in gone])
    await _rate(session, {product_id for _, product_id in reviews})


async def _rate(session: AsyncSession, product_ids: Collection[int]) -> None:
    """Compute the ratings of products, which are locked, from the reviews that are shown."""
    if not product_ids:
        return
    average = func.round(func.avg(cast(Review.rating, Numeric)), 2)
    shown = select(Review.product_id, average.label("average"), func.count().label("number"))
    shown = shown.where(Review.product_id == func.any(list(product_ids)), Review.is_hidden.is_(False))
    found = {row.product_id: row for row in await session.execute(shown.group_by(Review.product_id))}
    ratings = {each: (float(row.average), row.number) for each, row in found.items()}
    await service.rate(session, dict.fromkeys(product_ids, (0.0, 0)) | ratings)


async def _tell_the_log(session: AsyncSession, review: Review) -> None:
    """Append the plan's action; it is ours, so that its consumer here must not handle it."""
    action = ProductAction(
        user_id=review.user_id,
        product_id=review.product_id,
        rating=review.rating,
        review_text=review.text,
        metadata={"reviewId": review.id},
    )
    event = Event.of(ActionType.REVIEW_SUBMIT, action, producer=PRODUCER, timestamp=review.submitted_at)
    await inbox.claim(session, FROM_THE_LOG, [str(event.event_id)])
    await append_events(session, [event])
