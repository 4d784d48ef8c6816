"""Merchandisers' rows: requested from content for every page, and cached for when content does not respond.

Rows for everyone are polled, so that routes without a request to content use them too. Rows for one user are known
only while content responds.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Any, Final

from services.common.runtime.errors import Unavailable
from services.common.runtime.http_client import ServiceClient
from services.common.runtime.worker import Worker, pause

logger = logging.getLogger(__name__)

OK: Final = 200
MANUAL: Final = "manual"
MISSES: Final = 5
"""After this many failed requests in a row content counts as silent; a single one may just have been slow."""
Item = Mapping[str, Any]


@dataclass(frozen=True)
class Displays:
    """Content's rows for one user or for everyone.

    Attributes:
        generation: the active generation.
        pinned: merchandisers' products by shelf.
        filling: the active generation's products by shelf.
        hidden: product ids that merchandisers hide everywhere.
        prices: product id -> merchandisers' special price and its end (seconds since 1970 UTC).
    """

    generation: str | None = None
    pinned: Mapping[str, list[Item]] = field(default_factory=dict)
    filling: Mapping[str, list[Item]] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    prices: Mapping[int, tuple[Decimal, float]] = field(default_factory=dict)

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "Displays":
        """Parse content's response. Raises ValueError, KeyError, TypeError or ArithmeticError if it is invalid."""
        shelves = {shelf["displayType"]: shelf["items"] for shelf in answer["shelves"]}
        return cls(
            answer["generation"],
            {name: [item for item in items if item["source"] == MANUAL] for name, items in shelves.items()},
            {name: [item for item in items if item["source"] != MANUAL] for name, items in shelves.items()},
            frozenset(answer["hidden"]),
            {each["productId"]: (Decimal(each["specialPrice"]), _end(each)) for each in answer["specialPrices"]},
        )

    def pins(self, display_types: Iterable[str], exclude: Collection[int] = ()) -> dict[str, list[Item]]:
        """The merchandisers' products by shelf, each product once."""
        taken = {*exclude, *self.hidden}
        pins: dict[str, list[Item]] = {}
        for display_type in display_types:
            fresh = [item for item in self.pinned.get(display_type, ()) if item["productId"] not in taken]
            pins[display_type] = fresh
            taken.update(item["productId"] for item in fresh)
        return pins

    def prices_at(self, moment: float) -> dict[int, Decimal]:
        """The merchandisers' special prices that are valid at a given time."""
        return {product_id: price for product_id, (price, ends_at) in self.prices.items() if moment < ends_at}

    def lasting(self) -> "Displays":
        """What stays valid while content is silent: not the special prices of pins, because their end is unknown."""
        pinned: dict[str, list[Item]] = {
            name: [{**item, "specialPrice": None} for item in items] for name, items in self.pinned.items()
        }
        return replace(self, pinned=pinned)


def _end(offer: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(offer["endDate"]).timestamp() if offer.get("endDate") else inf


class Merchandising(Worker):
    """Requests rows from content; `everyones` holds the last known rows for everyone."""

    name = "merchandising"

    def __init__(self, content: ServiceClient, *, watch_seconds: float) -> None:
        super().__init__()
        self.content = content
        self.everyones = Displays()
        self._misses = MISSES
        self._watch_seconds = watch_seconds

    @property
    def is_silent(self) -> bool:
        """Whether the rows for everyone may have changed since content last responded."""
        return self._misses >= MISSES

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the rows for everyone up to date until `stop`."""
        while not stop.is_set():
            await self.refresh()
            self.heartbeat()
            await pause(stop, self._watch_seconds)

    async def refresh(self) -> None:
        """Request the rows for everyone."""
        said, was_silent = await self.ask(None, None), self.is_silent
        self._misses = 0 if said is not None else self._misses + 1
        if said is not None:
            self.everyones = replace(said, generation=None, filling={})
        elif self.is_silent:
            self.everyones = self.everyones.lasting()
        if self.is_silent != was_silent:
            logger.warning(
                "content %s", "does not respond: its last known rows apply" if self.is_silent else "responds"
            )

    async def ask(self, user_id: str | None, authorization: str | None) -> Displays | None:
        """Content's rows for a user, or None while content is unavailable: a page without them is better than none.

        The request carries the caller's own token, and content decides whose shelves the caller may see.
        """
        headers = {"Authorization": authorization} if authorization else {}
        params = {"userId": user_id} if user_id else {}
        try:
            answer = await self.content.request("GET", "/v1/displays", headers=headers, params=params)
            if answer.status_code != OK:
                logger.debug("content responded with %s", answer.status_code)
                return None
            return Displays.read(answer.json())
        except (Unavailable, ValueError, KeyError, TypeError, ArithmeticError) as error:
            logger.debug("content is unavailable: %s", type(error).__name__)
            return None
