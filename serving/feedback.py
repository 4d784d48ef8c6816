"""What was shown and clicked, on its way to the broker: taken at once, sent in the background, never in the way."""

import asyncio
import logging
from typing import Any, Final

from prometheus_client import Counter

from services.common.producer import Producer
from services.common.worker import Worker, pause
from services.contracts.envelope import Event
from services.contracts.events.feedback import RecommendationClicked, RecommendationShown, ShownItem
from serving.recommender import versions_of
from serving.schemas import Feedback

logger = logging.getLogger(__name__)

TOPIC: Final = "recommendation-feedback.v1"
PRODUCER: Final = "serving"
MAX_WAITING: Final = 20_000
BATCH: Final = 500
DROPPED: Final = Counter("tanawari_feedback_dropped", "Feedback events given up, because too many wait.")


def events_of(feedback: Feedback, user_id: str) -> list[Event]:
    """The events that a report makes; the versions behind the answer are in its id."""
    common: dict[str, Any] = {
        "recommendation_id": feedback.recommendation_id,
        "user_id": user_id,
        "simulated": feedback.simulated,
    }
    events = []
    if feedback.shown:
        items = [ShownItem.model_validate(item.model_dump()) for item in feedback.shown]
        shown = RecommendationShown(**common, **versions_of(feedback.recommendation_id), items=items)
        events.append(Event.of("RECOMMENDATION_SHOWN", shown, producer=PRODUCER))
    if feedback.clicked is not None:
        clicked = RecommendationClicked(**common, **feedback.clicked.model_dump())
        events.append(Event.of("RECOMMENDATION_CLICKED", clicked, producer=PRODUCER))
    return events


class FeedbackSender(Worker):
    """Sends feedback in batches, in order; while the broker is away it waits, up to `MAX_WAITING` events."""

    name = "feedback"

    def __init__(self, producer: Producer) -> None:
        super().__init__()
        self._producer = producer
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_WAITING)

    def take(self, user_id: str, events: list[Event]) -> int:
        """Take events to be sent; how many found room."""
        for number, event in enumerate(events):
            if self._waiting.full():
                DROPPED.inc(len(events) - number)
                return number
            self._waiting.put_nowait((user_id, event.to_bytes()))
        return len(events)

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`, and then what is left."""
        while not (stop.is_set() and self._waiting.empty()):
            batch = await self._batch(stop)
            unsent = await self._send(batch)
            if unsent and stop.is_set():
                DROPPED.inc(len(unsent) + self._waiting.qsize())
                return
            while unsent and not stop.is_set():
                self.beat()
                await pause(stop, 1.0)
                unsent = await self._send(unsent)
            self.beat()

    async def _batch(self, stop: asyncio.Event) -> list[tuple[str, bytes]]:
        if self._waiting.empty():
            await pause(stop, 0.1)
        batch: list[tuple[str, bytes]] = []
        while not self._waiting.empty() and len(batch) < BATCH:
            batch.append(self._waiting.get_nowait())
        return batch

    async def _send(self, batch: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Send a batch; what was not acknowledged comes back."""
        if not batch:
            return []
        results = await self._producer.send_many(TOPIC, batch)
        return [message for message, failure in zip(batch, results, strict=True) if failure is not None]
