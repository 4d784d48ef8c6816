"""Reviews of products by who bought them, one of each: what the API does with them, in the caller's transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import and_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import service, store
from services.catalog.models import Product
from services.catalog.reviews import purchases, stored
from services.catalog.reviews.models import Review
from services.catalog.reviews.recording import Outcome, Submission, record
from services.common.messaging import inbox
from services.common.messaging.outbox import append_events
from services.common.runtime.errors import Conflict, Forbidden, NotFound
from services.common.storage.latest import latest
from services.contracts.envelope import Event
from services.contracts.events.actions import ActionType, ProductAction

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


class NothingBought(Conflict):
    """The order of what was reviewed has been cancelled; the review is still there only because it is hidden."""

    title = "Nothing bought"


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
        await service.read(session, submission.product_id, is_public=True)  # who has not bought it learns no more of it
        raise NotBought("Only who has bought a product may review it.")
    review = await own(session, *submission.pair)
    if outcome is Outcome.STORED:
        await _tell_the_log(session, review)
    return review


async def mine(session: AsyncSession, user_id: str, product_id: int) -> tuple[bool, Review | None]:
    """Whether a user may review a product, and the user's review of it, if there is one.

    Raises:
        ProductNotFound: neither, and the public does not see the product: the user is to learn no more of it.
    """
    query = select(Review).where(Review.user_id == user_id, Review.product_id == product_id)
    review: Review | None = await session.scalar(query.execution_options(populate_existing=True))
    if review is not None or await purchases.bought_among(session, [(user_id, product_id)]):
        return True, review
    await service.read(session, product_id, is_public=True)
    return False, None


async def own(session: AsyncSession, user_id: str, product_id: int) -> Review:
    """A user's review of a product.

    Raises:
        NotBought, ReviewNotFound: there is none, and may be none; there is none yet.
        ProductNotFound: as `mine` says.
    """
    can_review, review = await mine(session, user_id, product_id)
    if not can_review:
        raise NotBought("Only who has bought a product may review it.")
    if review is None:
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


async def remove(session: AsyncSession, user_id: str, product_id: int) -> None:
    """Delete a user's own review.

    Raises:
        NotBought, ReviewNotFound, ReviewHidden: see the classes.
    """
    await store.lock_products(session, Product.id == product_id)
    review = await own(session, user_id, product_id)
    if review.is_hidden:
        raise ReviewHidden("A hidden review cannot be deleted; its text can be taken back.")
    await stored.remove(session, Review.id == review.id)


async def moderate(session: AsyncSession, review_id: int, by: str, *, is_hidden: bool, reason: str | None) -> Review:
    """Hide a review, or show it again; what is so already changes nothing.

    Raises:
        ReviewNotFound, NothingBought: see the classes.
    """
    product_id = await session.scalar(select(Review.product_id).where(Review.id == review_id))
    await store.lock_products(session, Product.id == product_id)
    review = await session.get(Review, review_id)
    if review is None:
        raise ReviewNotFound(f"There is no review {review_id}.")
    pair = (review.user_id, review.product_id)
    if review.is_hidden and not is_hidden and not await purchases.bought_among(session, [pair]):
        raise NothingBought(
            "Its author has cancelled the order of the product: a review of nothing bought is not shown."
        )
    if review.is_hidden != is_hidden:
        done = {"isHidden": is_hidden, "reason": reason, "by": by, "at": datetime.now(UTC).isoformat()}
        review.is_hidden, review.moderations = is_hidden, [*review.moderations, done]
        review.version += 1
        await session.flush()
        await stored.tell(session, [vars(review)])
    return review


async def _tell_the_log(session: AsyncSession, review: Review) -> None:
    """Append the plan's action; it is ours, so that its consumer here must not handle it."""
    action = ProductAction(
        user_id=review.user_id,
        product_id=review.product_id,
        rating=review.rating,
        review_text=review.text,
        metadata={"reviewId": review.id},
    )
    event = Event.of(ActionType.REVIEW_SUBMIT, action, producer=service.PRODUCER, timestamp=review.submitted_at)
    await inbox.claim(session, FROM_THE_LOG, [str(event.event_id)])
    await append_events(session, [event])
