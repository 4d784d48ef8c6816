"""Whether the broker responds."""

import asyncio
import logging

from services.common.messaging.producer import Producer
from services.common.runtime.worker import Worker, pause

logger = logging.getLogger(__name__)


class BrokerWatch(Worker):
    """Knows whether the broker responds; while it does not, responses report that live data is paused."""

    name = "broker-watch"

    def __init__(self, producer: Producer) -> None:
        super().__init__()
        self._producer = producer
        self.is_answering = False

    async def run(self, stop: asyncio.Event) -> None:
        """Probe once a second until `stop`."""
        while not stop.is_set():
            try:
                await self._producer.check()
                self.is_answering = True
            except Exception as error:  # noqa: BLE001 - any exception means that the broker does not respond
                if self.is_answering:
                    logger.warning("the broker does not respond: %s", type(error).__name__)
                self.is_answering = False
            self.heartbeat()
            await pause(stop, 1.0)
