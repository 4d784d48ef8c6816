"""What was shown and clicked, on its way to the broker: taken at once, sent in the background, never in the way."""

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from prometheus_client import Counter

from services.common.producer import Producer
from services.common.worker import Worker, pause
from services.contracts.envelope import Contract, message_of, new_event_id
from services.contracts.events.feedback import RecommendationClicked, RecommendationShown
from serving.recommender import versions_of
from serving.schemas import Feedback

logger = logging.getLogger(__name__)

TOPIC: Final = "recommendation-feedback.v1"
PRODUCER: Final = "serving"
MAX_WAITING: Final = 20_000
BATCH: Final = 500
DROPPED: Final = Counter("tanawari_feedback_dropped", "Feedback events given up: too many waited, or at the end.")


def messages_of(feedback: Feedback, user_id: str) -> list[bytes]:
    """The messages that a report makes; the versions behind the answer are in its id."""
    common: dict[str, Any] = {
        "recommendation_id": feedback.recommendation_id,
        "user_id": user_id,
        "simulated": feedback.simulated,
    }
    messages = []
    if feedback.shown:
        versions = versions_of(feedback.recommendation_id)
        items = [item.model_dump() for item in feedback.shown]
        shown = RecommendationShown.model_validate({**common, **versions, "items": items})
        messages.append(_message("RECOMMENDATION_SHOWN", shown))
    if feedback.clicked is not None:
        clicked = RecommendationClicked(**common, **feedback.clicked.model_dump())
        messages.append(_message("RECOMMENDATION_CLICKED", clicked))
    return messages


def _message(event_type: str, payload: Contract) -> bytes:
    now = datetime.now(UTC)
    return message_of(event_type, payload, producer=PRODUCER, event_id=new_event_id(), timestamp=now)


class FeedbackSender(Worker):
    """Sends feedback in batches, in order; while the broker is away it waits, up to `MAX_WAITING` events."""

    name = "feedback"

    def __init__(self, producer: Producer) -> None:
        super().__init__()
        self._producer = producer
        self._waiting: deque[tuple[str, bytes]] = deque()

    def take(self, user_id: str, messages: list[bytes]) -> int:
        """Take messages to be sent; how many found room."""
        accepted = messages[: MAX_WAITING - len(self._waiting)]
        self._waiting.extend((user_id, message) for message in accepted)
        DROPPED.inc(len(messages) - len(accepted))
        return len(accepted)

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`, and then what is left; what the broker does not take even then is counted as dropped."""
        while self._waiting or not stop.is_set():
            is_last_try = stop.is_set()
            if await self._send_some():
                self.beat()
                await pause(stop, 0 if self._waiting else 0.1)
            elif is_last_try:
                break
            else:
                self.failure = "the broker does not acknowledge"
                await pause(stop, 1.0)
        DROPPED.inc(len(self._waiting))

    async def _send_some(self) -> bool:
        """Send the oldest; whether all were acknowledged. What was not, or is interrupted, waits on in its place."""
        batch = list(islice(self._waiting, BATCH))
        if not batch:
            return True
        results = await self._producer.send_many(TOPIC, batch)
        for _ in batch:
            self._waiting.popleft()
        unsent = [message for message, failure in zip(batch, results, strict=True) if failure is not None]
        self._waiting.extendleft(reversed(unsent))
        return not unsent
