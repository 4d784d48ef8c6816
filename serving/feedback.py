"""Feedback (what was shown and clicked): accepted immediately, sent to the broker in the background."""

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid5

from prometheus_client import Counter

from services.common.messaging.producer import Producer
from services.common.runtime.errors import Fault, Unprocessable
from services.common.runtime.worker import Worker, pause
from services.common.web.references import ProductReference
from services.contracts.envelope import message_of
from services.contracts.events.feedback import RecommendationClicked, RecommendationShown
from serving.recommender import Recommender, versions_of
from serving.schemas import Feedback, Placed

logger = logging.getLogger(__name__)

TOPIC: Final = "recommendation-feedback.v1"
PRODUCER: Final = "serving"
NAMESPACE: Final = UUID("0199a3c4-6f0e-7d52-9c1b-2f6a4be0d8e1")
MAX_WAITING: Final = 20_000
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024
BATCH: Final = 500
DROPPED: Final = Counter("tanawari_feedback_dropped", "Feedback events given up: too many waited, or at the end.")


class UnknownSku(Unprocessable):
    """The shop's own id is unknown, or names another product than the given product id."""

    title = "Unknown sku"


def identified(feedback: Feedback, recommender: Recommender) -> Feedback:
    """The report with both ids of each product, where they are known.

    Raises:
        UnknownSku: a sku is unknown or contradicts the product id.
    """
    shown = [
        each.model_copy(update=_ids(each, recommender, f"shown.{index}")) for index, each in enumerate(feedback.shown)
    ]
    clicked = feedback.clicked and feedback.clicked.model_copy(update=_ids(feedback.clicked, recommender, "clicked"))
    return feedback.model_copy(update={"shown": shown, "clicked": clicked})


def _ids(placed: Placed, recommender: Recommender, place: str) -> dict[str, Any]:
    if placed.sku is None:
        product = recommender.product(placed.product_id)
        return {"sku": product and product.sku}
    product_id = recommender.product_id(ProductReference(f"sku:{placed.sku}"))
    if product_id is None or placed.product_id not in (None, product_id):
        what = "names no product" if product_id is None else f"is the sku of {product_id}, not of productId"
        raise UnknownSku(errors=[Fault(field=f"body.{place}.sku", message=f"{what}: {placed.sku}")])
    return {"product_id": product_id}


def messages_of(feedback: Feedback, user_id: str) -> list[bytes]:
    """The events of a report; the recommendation id carries the versions behind the response.

    A repeated report gives the same event ids, derived from its content, or from its `reportId` if it has one.
    """
    common: dict[str, Any] = {
        "recommendation_id": feedback.recommendation_id,
        "user_id": user_id,
        "simulated": feedback.simulated,
    }
    messages = []
    versions = versions_of(feedback.recommendation_id)
    if feedback.shown:
        items = [item.model_dump() for item in feedback.shown]
        shown = RecommendationShown.model_validate({**common, **versions, "items": items})
        messages.append(_message("RECOMMENDATION_SHOWN", shown, feedback.report_id))
    if feedback.clicked is not None:
        arm = {name: versions[name] for name in ("experiment", "arm") if name in versions}
        clicked = RecommendationClicked(**common, **arm, **feedback.clicked.model_dump())
        messages.append(_message("RECOMMENDATION_CLICKED", clicked, feedback.report_id))
    return messages


def _message(event_type: str, payload: RecommendationShown | RecommendationClicked, report_id: UUID | None) -> bytes:
    content = f"{payload.user_id} {report_id}" if report_id else payload.model_dump_json()
    event_id = uuid5(NAMESPACE, f"{event_type} {content}")
    return message_of(event_type, payload, producer=PRODUCER, event_id=event_id, timestamp=datetime.now(UTC))


class FeedbackSender(Worker):
    """Sends feedback in ordered batches. While the broker is unavailable, a limited amount waits."""

    name = "feedback"

    def __init__(self, producer: Producer) -> None:
        super().__init__()
        self._producer = producer
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0

    def take(self, user_id: str, messages: list[bytes]) -> int:
        """Queue messages; returns how many were accepted."""
        accepted = 0
        for message in messages:
            if len(self._waiting) >= MAX_WAITING or self._waiting_bytes + len(message) > MAX_WAITING_BYTES:
                break
            self._waiting.append((user_id, message))
            self._waiting_bytes += len(message)
            accepted += 1
        DROPPED.inc(len(messages) - accepted)
        return accepted

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`, then send the rest; messages that still fail are counted as dropped."""
        while self._waiting or not stop.is_set():
            is_last_try = stop.is_set()
            if await self._send_some():
                self.heartbeat()
                await pause(stop, 0 if self._waiting else 0.1)
            elif is_last_try:
                break
            else:
                self.report_blocked("the broker does not acknowledge")
                await pause(stop, 1.0)
        DROPPED.inc(len(self._waiting))

    async def _send_some(self) -> bool:
        """Send the oldest batch; returns whether all were acknowledged. The others stay in the queue, in order."""
        batch = list(islice(self._waiting, BATCH))
        if not batch:
            return True
        results = await self._producer.send_many(TOPIC, batch)
        for _ in batch:
            self._waiting.popleft()
        unsent = [message for message, failure in zip(batch, results, strict=True) if failure is not None]
        self._waiting.extendleft(reversed(unsent))
        self._waiting_bytes -= sum(len(value) for _, value in batch) - sum(len(value) for _, value in unsent)
        return not unsent
