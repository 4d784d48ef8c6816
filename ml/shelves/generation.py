"""A generation: the pages of all users as rows for the content service, built with the API's code."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from math import isfinite
from typing import Any, Final

from ml.bundle.bundle import Bundle
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import DisplayType, Pick, Rules, Shelf, Shopper, compose
from ml.shelves.session import LiveState, activity_of

OF_THE_CATALOG: Final = frozenset({"sku", "categoryCode"})
"""Card fields beyond our ids: content has them from catalog, and refuses rows with unknown fields."""


def compose_all(bundle: Bundle, rules: Rules, now: datetime) -> Iterator[dict[str, Any]]:
    """The rows of one generation: the page of every user of the bundle, and the page for everyone (`userId` null).

    Rows are JSON values with the field names of content's generation API; short shelves are written unchanged.

    Args:
        bundle: the trained models; rows use the state of its items and activity.
        rules: `shelves.yaml`.
        now: the time, in the shop's time zone.
    """
    catalogue, activity = Catalogue(bundle), activity_of(bundle)
    everyone: list[str | None] = [None, *bundle.user_rows]
    for user_id in everyone:
        shopper = Shopper(user_id, activity.get(user_id or "", LiveState()))
        for shelf in compose(bundle, catalogue, rules, shopper, now):
            for rank, pick in enumerate(shelf.picks, start=1):
                yield _row(shelf, pick, user_id, rank, now)


def _row(shelf: Shelf, pick: Pick, user_id: str | None, rank: int, now: datetime) -> dict[str, Any]:
    card = {name: value for name, value in pick.card().items() if name not in OF_THE_CATALOG}
    is_offer = card["specialPrice"] is not None
    return {
        **card,
        "displayType": shelf.display_type.value,
        "userId": user_id,
        "rank": rank,
        "startDate": _instant(pick.product.special_starts_at) if is_offer else None,
        "endDate": _offer_end(shelf, pick, now) if is_offer else None,
        "score": pick.score,
        "reason": pick.reason,
    }


def _offer_end(shelf: Shelf, pick: Pick, now: datetime) -> str | None:
    """The end of the offer; one of today's picks ends with the shop's day at the latest."""
    ends_at = pick.product.special_ends_at
    if shelf.display_type is DisplayType.DAILY_DEAL:
        midnight = datetime.combine(now.date() + timedelta(days=1), time.min, now.tzinfo)
        ends_at = min(ends_at, midnight.timestamp())
    return _instant(ends_at)


def _instant(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if isfinite(seconds) else None
