"""How rows become shelves, and when an offer is valid. Pure rules, no I/O."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from services.contracts.envelope import DisplayType
from services.contracts.prices import Offer, Price, offer_at

TITLES = {
    DisplayType.CONTINUE_SHOPPING: "Continue shopping",
    DisplayType.REPURCHASE: "Buy again",
    DisplayType.RECOMMENDED: "Recommended for you",
    DisplayType.SALE: "On sale",
    DisplayType.DAILY_DEAL: "Today's picks",
    DisplayType.RECOMMENDED_CATEGORY: "Categories for you",
}
"""The shelves in the order of the page."""
OFFER_SHELVES = frozenset({DisplayType.SALE, DisplayType.DAILY_DEAL})
LONGEST_TRUTH = timedelta(minutes=1)
Shown = tuple[int | None, int | None]
"""The content of one place: a product, by its parent if it is a variant, or a category."""


@dataclass(frozen=True)
class DisplayRow:
    """A display row with the catalog data of its product, None where unknown; its dates are within its campaign's."""

    id: int
    display_type: str
    mode: str | None
    user_id: str | None
    rank: int
    priority: int
    score: float | None
    reason: str | None
    starts_at: datetime
    ends_at: datetime | None
    promised_price: Decimal | None
    product_id: int | None
    sku: str | None
    product_name: str | None
    product_price: Decimal | None
    currency: str | None
    rating: float | None
    image: str | None
    category_id: int | None
    category_code: str | None
    category_name: str | None
    parent_id: int | None
    is_parent: bool | None
    stock: int | None
    is_product_active: bool | None
    offer_price: Decimal | None
    offer_currency: str | None
    offer_starts_at: datetime | None
    offer_ends_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether `now` is within the row's dates."""
        return self.starts_at <= now and (self.ends_at is None or now < self.ends_at)

    @property
    def is_shown(self) -> bool:
        """Whether its product may be shown: pinned ones need not be in stock, and may be parents."""
        if self.product_id is None:
            return True
        is_sold = (self.stock is None or self.stock > 0) and not self.is_parent
        return self.is_product_active is not False and (is_sold or self.mode == "pin")

    @property
    def shown(self) -> Shown:
        """What it shows: of the variants of one parent, one is shown."""
        if self.product_id is None:
            return None, self.category_id
        return self.parent_id or self.product_id, None

    def is_among(self, hidden: Container[int | None]) -> bool:
        """Whether its product is hidden, or the parent of it."""
        return self.product_id in hidden or self.parent_id in hidden

    def special_price_at(self, now: datetime) -> Decimal | None:
        """Catalog's offer that holds at `now`, within the row's dates.

        None also for a product that does not exist, is inactive or out of stock.
        """
        if not (self.is_product_active and self.stock and self.is_due(now)):
            return None
        if self.product_price is None or self.offer_price is None or self.offer_starts_at is None:
            return None
        offer = Offer(self.offer_price, self.offer_currency, self.offer_starts_at, self.offer_ends_at)
        return offer_at(now, Price(self.product_price, self.currency), offer)


@dataclass(frozen=True)
class Item:
    """One product on a shelf with its current special price."""

    row: DisplayRow
    special_price: Decimal | None


@dataclass(frozen=True)
class Displays:
    """The shelves of one user, the rows that hide products, by product, and the dates and products behind all this."""

    shelves: dict[DisplayType, list[Item]]
    hidden: dict[int, DisplayRow]
    true_until: datetime
    product_ids: list[int]


def compose(rows: Sequence[DisplayRow], now: datetime) -> Displays:
    """Build shelves from rows: manual rows first and always, then the user's own rows, else those for everyone.

    No product is on two shelves, and no two variants of one parent.

    Args:
        rows: the manual rows and one generation's rows, for one user and for everyone.
        now: the time.
    """
    manual = sorted(
        (row for row in rows if row.mode and row.is_due(now)),
        key=lambda row: (row.user_id is None, -row.priority, row.rank, row.id),
    )
    hidden = {row.product_id: row for row in manual if row.mode == "hide" and row.product_id is not None}
    pins = [row for row in manual if row.mode == "pin" and not row.is_among(hidden)]
    chosen_by_models = [row for row in rows if not row.mode and not row.is_among(hidden)]
    taken: set[Shown] = set()
    pinned = {each: _items([row for row in pins if row.display_type == each], taken, now) for each in TITLES}
    chosen = {}
    for display_type in TITLES:
        model = [row for row in chosen_by_models if row.display_type == display_type]
        own = [row for row in model if row.user_id is not None]
        chosen[display_type] = _items(sorted(own or model, key=lambda row: row.rank), taken, now)
    shelves = {each: items for each in TITLES if (items := pinned[each] + chosen[each])}
    product_ids = {row.product_id for row in rows if row.product_id is not None}
    return Displays(shelves, dict(sorted(hidden.items())), _true_until(rows, now), sorted(product_ids))


def _items(ranked: Iterable[DisplayRow], taken: set[Shown], now: datetime) -> list[Item]:
    """The visible rows with their current prices, except products in `taken`, which is extended."""
    items = []
    for row in ranked:
        if row.shown in taken or not row.is_shown:
            continue
        price = row.special_price_at(now)
        if row.promised_price not in (None, price):
            continue
        if price is not None or row.mode or row.display_type not in OFFER_SHELVES:
            taken.add(row.shown)
            items.append(Item(row, price))
    return items


def _true_until(rows: Iterable[DisplayRow], now: datetime) -> datetime:
    """The next time at which some date changes what is shown, at most `LONGEST_TRUTH` later."""
    dates = {date for row in rows for date in (row.starts_at, row.ends_at, row.offer_starts_at, row.offer_ends_at)}
    return min([now + LONGEST_TRUTH, *(date for date in dates if date and date > now)])
