"""Settles what is unknown: payments and refunds whose provider did not answer, or with which something is to happen."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from services.common.runtime.worker import Worker, pause
from services.payment.service import Payments

logger = logging.getLogger(__name__)
MOST_AT_ONCE = 20


class Reconciler(Worker):
    """Looks at payments and refunds when they are due."""

    name = "reconciler"

    def __init__(self, payments: Payments, every_seconds: float) -> None:
        super().__init__()
        self._payments, self._every_seconds = payments, every_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look at what is due until `stop` is set."""
        while not stop.is_set():
            payments, refunds = await self._payments.due(MOST_AT_ONCE)
            looks: list[Coroutine[Any, Any, Any]] = [self._payments.look(each) for each in payments]
            looks += [self._payments.go_on_refunding(each) for each in refunds]
            for what, found in zip(
                payments + refunds, await asyncio.gather(*looks, return_exceptions=True), strict=True
            ):
                if isinstance(found, Exception):  # it is due again later, and does not hold up the others
                    logger.error("could not settle %s", what, exc_info=found)
            self.heartbeat()
            if len(looks) < MOST_AT_ONCE:
                await pause(stop, self._every_seconds)
