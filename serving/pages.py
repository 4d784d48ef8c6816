"""The page is made here: live shelves, under what merchandisers said, filled up from the active generation."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ml.shelves import Ask, Pick, Shelf
from services.common.errors import Unavailable
from services.common.http import ServiceClient
from serving.recommender import CONTENT_AWAY, Recommender, recommendation_id

logger = logging.getLogger(__name__)
OK = 200
MANUAL = "manual"
Item = Mapping[str, Any]


@dataclass(frozen=True)
class Displays:
    """What content says for one shopper: shelves by display type, what is hidden, and merchandisers' prices."""

    generation: str | None = None
    shelves: Mapping[str, list[Item]] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    prices: Mapping[int, Decimal] = field(default_factory=dict)

    def pins(self, display_type: str) -> list[Item]:
        """The merchandisers' products of a shelf."""
        return [item for item in self.shelves.get(display_type, ()) if item["source"] == MANUAL]

    def filling(self, display_type: str) -> list[Item]:
        """The active generation's products of a shelf."""
        return [item for item in self.shelves.get(display_type, ()) if item["source"] != MANUAL]


async def ask_content(content: ServiceClient, user_id: str | None, authorization: str | None) -> Displays | None:
    """What content says, or None while it is away: a page without it is better than none.

    Content is asked in the caller's own name, and judges itself whose shelves the caller may see.
    """
    headers = {"Authorization": authorization} if authorization else {}
    params = {"userId": user_id} if user_id else {}
    try:
        answer = await content.request("GET", "/v1/displays", headers=headers, params=params)
        if answer.status_code != OK:
            logger.warning("content answered with %s", answer.status_code)
            return None
        said = answer.json()
        return Displays(
            said["generation"],
            {shelf["displayType"]: shelf["items"] for shelf in said["shelves"]},
            frozenset(said["hidden"]),
            {price["productId"]: Decimal(price["specialPrice"]) for price in said["specialPrices"]},
        )
    except (Unavailable, ValueError, KeyError, TypeError) as error:
        logger.debug("the page goes on without content: %s", type(error).__name__)
        return None


def page(
    recommender: Recommender, displays: Displays | None, user_id: str | None, exclude: Collection[int]
) -> dict[str, Any]:
    """The page of one shopper (`user_id` None is everyone's) under what content says, None if it says nothing."""
    said = displays or Displays()
    pins = [item for shelf in recommender.rules.page for item in said.pins(shelf)]
    elsewhere = {*exclude, *said.hidden, *(item["productId"] for item in pins)}
    shelves = recommender.shelves(user_id, Ask(exclude=elsewhere, prices=said.prices))
    circumstances = recommender.circumstances(*([CONTENT_AWAY] if displays is None else []))
    circumstances["generation"] = said.generation or circumstances["generation"]
    return {
        "recommendationId": recommendation_id(circumstances),
        "userId": user_id,
        **circumstances,
        "fallbackUsed": any(shelf.fallback_used for shelf in shelves),
        "shelves": _composed(recommender, shelves, said, user_id, elsewhere),
    }


def _composed(
    recommender: Recommender, shelves: list[Shelf], displays: Displays, user_id: str | None, elsewhere: set[int]
) -> list[dict[str, Any]]:
    taken = elsewhere | {pick.product.product_id for shelf in shelves for pick in shelf.picks}
    composed = []
    for shelf in shelves:
        items: list[Item] = [*displays.pins(shelf.display_type), *map(_item, shelf.picks)]
        if shelf.is_short:
            for item in displays.filling(shelf.display_type):
                if item["productId"] not in taken and recommender.may_show(item["productId"], user_id):
                    taken.add(item["productId"])
                    items.append(item)
        ranked = [{**item, "rank": rank} for rank, item in enumerate(items[: recommender.rules.limit], start=1)]
        composed.append({"displayType": shelf.display_type.value, "title": shelf.title, "items": ranked})
    return composed


def _item(pick: Pick) -> Item:
    return {**pick.card(), "rank": 0, "score": pick.score, "reason": pick.reason, "source": pick.source}
