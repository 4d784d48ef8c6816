"""Follows orders and reviews: who has bought what, and what shoppers of other entrances say of it.

The two come by different topics, so that a review may arrive before its purchase: it waits for it. What waits and what
is bought meanwhile must not miss each other: one of the two handlers runs at a time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.reviews import early, purchases
from services.catalog.reviews.recording import Outcome, Submission, record, take_away
from services.catalog.reviews.schemas import ReviewIn
from services.common.identity.ownership import is_visitor
from services.common.messaging.erasure import erased_among
from services.common.messaging.messages import Message
from services.contracts.events.actions import ProductAction

ORDERS: Final = "order.v1"
ACTIONS: Final = "user-actions.v1"
CANCELLED: Final = "ORDER_CANCELLED"
PURCHASED: Final = frozenset({"ORDER_COMPLETED", CANCELLED})
SUBMITTED: Final = frozenset({"REVIEW_SUBMIT"})
REFUSED = Counter("tanawari_reviews_refused", "Reviews on the action log that break the rules of reviews.", ["field"])


class _Line(msgspec.Struct, rename="camel"):
    product_id: int


class _Order(msgspec.Struct, rename="camel"):
    user_id: str
    order_id: int
    items: list[_Line] = []


class _Ordered(msgspec.Struct):
    """What we need of a message, which was read as its contract says: a history has hundreds of thousands."""

    data: _Order


_order = msgspec.json.Decoder(_Ordered).decode
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('services.catalog.consumer', 0))")


async def follow_orders(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Record who has bought what, and the reviews that have waited for it; what was cancelled was not bought.

    A guest's order is nobody's.
    """
    await session.execute(_ONE_AT_A_TIME)
    told = [(_order(message.record.value).data, message.event_type) for message in messages]
    nobody = await erased_among(session, {order.user_id for order, _ in told})
    kept = [(order, kind) for order, kind in told if order.user_id not in nobody and not is_visitor(order.user_id)]
    cancelled = {(order.user_id, order.order_id) for order, kind in kept if kind == CANCELLED}
    gone = await purchases.cancel(session, cancelled)
    lines = {(order.user_id, line.product_id, order.order_id) for order, _ in kept for line in order.items}
    await purchases.add(session, lines)
    if gone:
        await take_away(session, gone)
    bought = {(user_id, product_id) for user_id, product_id, _ in lines}
    await _submit(session, await early.of_bought(session, bought))


async def follow_actions(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Record reviews from other entrances; what is no review by our rules is passed over."""
    await session.execute(_ONE_AT_A_TIME)
    await early.give_up(session)
    submissions = [given for message in messages if (given := _submission(message)) is not None]
    await _submit(session, submissions)


async def _submit(session: AsyncSession, submissions: Sequence[Submission]) -> None:
    """Record reviews; those whose purchase is not known wait for it."""
    if not submissions:
        return
    outcomes = list(zip(submissions, await record(session, submissions), strict=True))
    await early.keep(session, [given for given, outcome in outcomes if outcome is Outcome.NOT_BOUGHT])
    await early.forget(session, [given.pair for given, outcome in outcomes if outcome is not Outcome.NOT_BOUGHT])


def _submission(message: Message) -> Submission | None:
    action = message.payload
    assert isinstance(action, ProductAction), "as its type says"
    if action.is_bot or is_visitor(action.user_id):
        return None
    try:
        review = ReviewIn.model_validate({"rating": action.rating, "text": action.review_text})
    except ValidationError as error:
        REFUSED.labels(str(error.errors(include_input=False)[0]["loc"][0])).inc()
        return None
    at = datetime.fromisoformat(message.happened_at)
    return Submission(action.user_id, action.product_id, review.rating, review.text, at)
