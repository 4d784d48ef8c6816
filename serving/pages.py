"""Composes pages: live shelves, overridden by merchandisers' rows, filled up from the active generation."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ml.shelves.catalogue import Product
from ml.shelves.composing import DisplayType, PageQuery, Pick, Shelf
from services.common.web.references import ProductReference
from serving.displays import MANUAL, Displays, Item
from serving.recommender import Recommender, recommendation_id


def page(
    recommender: Recommender,
    said: Displays,
    user_id: str | None,
    exclude: Collection[int],
    now: datetime,
    *,
    is_content_away: bool,
) -> dict[str, Any]:
    """The page of one user (`user_id` None: for everyone) at a time, with content's rows, or the last known ones."""
    opted_out = recommender.live.people.opted_out(user_id)
    wanted = [each for each in recommender.rules.page if each not in opted_out]
    pins = _pins(recommender, said, wanted, exclude)
    taken = {*exclude, *(item["productId"] for items in pins.values() for item in items)}
    query = PageQuery(display_types=wanted, exclude=frozenset(taken), hidden=said.hidden)
    shelves = recommender.shelves(user_id, query, now)
    taken |= {pick.product.product_id for shelf in shelves for pick in shelf.picks}
    families = recommender.families(taken)
    circumstances = recommender.circumstances(user_id, said.experiment, is_content_away=is_content_away)
    circumstances["generation"] = said.generation or circumstances["generation"]
    composed = []
    for shelf in shelves:
        items = [*_cards(recommender, pins[shelf.display_type], now.timestamp()), *map(_item, shelf.picks)]
        if shelf.is_short:
            items += _filling(recommender, said, shelf, user_id, families)
        ranked = [{**item, "rank": rank} for rank, item in enumerate(items[: recommender.rules.limit], start=1)]
        composed.append({"displayType": shelf.display_type.value, "title": shelf.title, "items": ranked})
    return {
        "recommendationId": recommendation_id(circumstances),
        "userId": user_id,
        **circumstances,
        "fallbackUsed": any(shelf.fallback_used for shelf in shelves),
        "shelves": composed,
    }


def one_shelf(
    recommender: Recommender, said: Displays, user_id: str | None, display_type: DisplayType, query: PageQuery
) -> tuple[list[Pick], bool]:
    """One shelf with the merchandisers' rows for everyone, and whether its fallback was used."""
    now = recommender.now()
    pins = _pins(recommender, said, [display_type], query.exclude)[display_type]
    pinned = [pick for pick in _picks(recommender, pins, now.timestamp()) if _is_asked_for(pick.product, query)]
    exclude = {*query.exclude, *(pick.product.product_id for pick in pinned)}
    wanted = replace(query, display_types=[display_type], exclude=exclude, hidden=said.hidden)
    [shelf] = recommender.shelves(user_id, wanted, now)
    return [*pinned, *shelf.picks][: query.limit], shelf.fallback_used


def similar(
    recommender: Recommender, said: Displays, reference: ProductReference, limit: int, exclude: Collection[int]
) -> tuple[list[Pick], bool]:
    """Similar products with the merchandisers' rows for everyone; see `Recommender.similar`."""
    return recommender.similar(reference, PageQuery(limit=limit, exclude=exclude, hidden=said.hidden))


def _pins(
    recommender: Recommender, said: Displays, display_types: Iterable[str], exclude: Collection[int]
) -> dict[str, list[Item]]:
    """The merchandisers' products by shelf, none of a family that is excluded."""
    pins = said.pins(display_types)
    if not exclude:
        return pins
    excluded = recommender.families(exclude)
    return {
        name: [item for item in items if not recommender.families([item["productId"]]) <= excluded]
        for name, items in pins.items()
    }


def _is_asked_for(product: Product, query: PageQuery) -> bool:
    return query.admits(product) and (query.with_sold_out or product.stock > 0)


def _filling(
    recommender: Recommender, said: Displays, shelf: Shelf, user_id: str | None, taken: set[int]
) -> Iterable[Item]:
    """Products of the active generation whose family is not in `taken`, which is extended."""
    for item in said.filling.get(shelf.display_type, ()):
        family = recommender.families([item["productId"]])
        is_hidden = not said.hidden.isdisjoint({item["productId"], *family})
        if not (is_hidden or family <= taken) and recommender.may_show(item["productId"], user_id):
            taken |= family
            yield item


def _cards(recommender: Recommender, pins: Iterable[Item], moment: float) -> Iterable[Item]:
    """Pinned products in their current state; one that serving does not know is shown as in content."""
    for item in pins:
        product = recommender.product(item["productId"])
        if product is None:
            yield item
        elif product.is_active:
            yield {**item, **product.card(product.offer_at(moment))}


def _picks(recommender: Recommender, pins: Iterable[Item], moment: float) -> Iterable[Pick]:
    """Pinned products in their current state, where serving knows them."""
    for item in pins:
        product = recommender.product(item["productId"])
        if product is not None and product.is_active:
            yield Pick(product, product.offer_at(moment), None, MANUAL, item["reason"])


def _item(pick: Pick) -> Item:
    return {**pick.card(), "rank": 0, "score": pick.score, "reason": pick.reason, "source": pick.source}
