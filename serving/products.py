"""The state of products and categories, from catalog's events and from its snapshot.

Each part of a product (product, stock, offer) has a version, and a part is applied only if it is newer than the known
one. Events and snapshot may therefore overlap, and a change may arrive twice. Other parts keep the bundle's data.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from math import inf
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ml.shelves.catalogue import Catalogue, Product
from serving.events import ProductChange

Texts = Mapping[int | None, str | None]
UNTOLD: Final = -1
"""The version of a part without news from catalog; events from before versions existed have 0."""
DESCRIBED: Final = ("sku", "parent_id", "name", "price", "currency", "rating", "image", "is_active")


class CatalogFacts(msgspec.Struct, frozen=True, gc=False):
    """The last known state of one product; parts with the version `UNTOLD` had no news."""

    product_id: int
    description: ProductChange | None = None
    stock: int = 0
    offer: ProductChange | None = None
    product_version: int = UNTOLD
    stock_version: int = UNTOLD
    offer_version: int = UNTOLD
    is_deleted: bool = False


def after(told: CatalogFacts, event_type: str, change: ProductChange) -> CatalogFacts:
    """The state of a product after an event; the same object if nothing changed."""
    news: dict[str, Any] = {}
    if event_type == "PRODUCT_DELETED":
        return told if told.is_deleted else replace(told, is_deleted=True)
    is_snapshot = event_type in {"PRODUCT_CREATED", "PRODUCT_UPDATED"} and change.price is not None
    if is_snapshot and _is_newer(change.product_version, told.product_version):
        news |= {"description": change, "product_version": change.product_version}
    if (is_snapshot or event_type == "STOCK_CHANGED") and _is_newer(change.stock_version, told.stock_version):
        news |= {"stock": change.stock, "stock_version": change.stock_version}
    is_offer = event_type == "SPECIAL_PRICE_SET" and change.special_price is not None
    if (is_offer or event_type == "SPECIAL_PRICE_ENDED") and _is_newer(change.offer_version, told.offer_version):
        news |= {"offer": change if is_offer else None, "offer_version": change.offer_version}
    return replace(told, **news) if news else told


def _is_newer(version: int, known: int) -> bool:
    """Whether a part replaces the known one; without versions the log's order decides."""
    return version > known or version == known == 0


def product_of(
    told: CatalogFacts, known: Product | None, levels: Mapping[int, int], names: Texts, codes: Texts
) -> Product | None:
    """The current product; None if too little is known to build one.

    Args:
        told: the state from catalog.
        known: the product from the bundle, or its previous state; parts without news are kept.
        levels: category id -> its depth, where known.
        names: category id -> its name.
        codes: category id -> its id in the shop's own systems.
    """
    fields: dict[str, Any] = {}
    if told.description is not None:
        fields = {name: getattr(told.description, name) for name in DESCRIBED}
        fields |= _place(told.description.category_ids, known, levels, names)
        fields["category_code"] = codes.get(fields["category_id"])
        if known is not None and fields["sku"] is None:
            fields["sku"] = known.sku
    if told.stock_version != UNTOLD:
        fields["stock"] = told.stock
    if told.offer_version != UNTOLD:
        fields |= _offer(told.offer, fields.get("currency", known.currency if known else None))
    if told.is_deleted:
        fields |= {"is_active": False, "parent_id": None}
    if known is None:
        is_enough = told.description is not None
        return Product(product_id=told.product_id, is_recommendable=True, **fields) if is_enough else None
    is_news = any(getattr(known, name) != value for name, value in fields.items())
    return replace(known, **fields) if is_news else known


def _place(ids: tuple[int, ...], known: Product | None, levels: Mapping[int, int], names: Texts) -> dict[str, Any]:
    """The deepest category; of several the one with the lowest id, as in the warehouse."""
    before = known.category_id if known else None
    category_id = before
    if before not in ids or levels.keys() >= set(ids):
        category_id = max(ids, key=lambda each: (levels[each], -each) if each in levels else (0, each), default=None)
    name = names.get(category_id)
    product_type = known.product_type if known and before == category_id else name
    return {"category_id": category_id, "category_name": name, "product_type": product_type}


def _offer(offer: ProductChange | None, currency: str | None) -> dict[str, Any]:
    if offer is None or offer.currency != currency:  # in another currency it says nothing of the price
        return {"special_price": None}
    return {
        "special_price": offer.special_price,
        "special_starts_at": _seconds(offer.start_date, -inf),
        "special_ends_at": _seconds(offer.end_date, inf),
    }


def _seconds(time: datetime | None, default: float) -> float:
    return default if time is None else time.timestamp()


class Products:
    """The state from catalog, applied to the catalogue of the current bundle.

    Attributes:
        is_whole: whether catalog's snapshot has been read, so that a product it lacks is deleted.
    """

    def __init__(self) -> None:
        self._told: dict[int, CatalogFacts] = {}
        self._levels: dict[int, int] = {}
        self._names: dict[int | None, str | None] = {}
        self._codes: dict[int | None, str | None] = {}
        self._category_versions: dict[int, int] = {}
        self.is_whole = False

    def apply(self, event_type: str, change: ProductChange, catalogue: Catalogue | None) -> None:
        """Apply one event, and update the catalogue."""
        if change.product_id is not None:
            before = self._told.get(change.product_id) or CatalogFacts(change.product_id)
            told = after(before, event_type, change)
            if told is not before:
                self._take(told, catalogue)
        elif change.category_id is not None and event_type in {"CATEGORY_CREATED", "CATEGORY_UPDATED"}:
            self.take_category(change.category_id, change, catalogue)

    def take_product(self, product_id: int, change: ProductChange, catalogue: Catalogue | None) -> None:
        """Apply a product of catalog's snapshot with its offer; its categories are already known."""
        told = after(self._told.get(product_id) or CatalogFacts(product_id), "PRODUCT_UPDATED", change)
        if change.offer is None:
            told = after(told, "SPECIAL_PRICE_ENDED", change)
        else:
            change.offer.offer_version = change.offer_version
            told = after(told, "SPECIAL_PRICE_SET", change.offer)
        self._take(told, catalogue)

    def begin_snapshot(self) -> Callable[[Collection[int], Catalogue | None], None]:
        """Start loading a snapshot; call the returned function at the end, with the ids of all its products.

        A product that was known before, is not in the snapshot and had no event meanwhile has been deleted.
        """
        before = dict(self._told)

        def end(present: Collection[int], catalogue: Catalogue | None) -> None:
            for product_id, told in before.items():
                if product_id not in present and self._told[product_id] is told:
                    self._take(replace(told, is_deleted=True), catalogue)
            self.is_whole = True
            if catalogue is not None:
                self._hide_untold(catalogue)

        return end

    def bring_up(self, catalogue: Catalogue) -> Callable[[], None]:
        """Apply the whole state to a catalogue; the returned function applies what changed meanwhile.

        The first part may run in a thread; the returned function must run in the event loop that applies events.
        """
        done = dict(self._told)
        catalogue.category_names.update(self._names)
        catalogue.category_codes.update(self._codes)
        for told in done.values():
            self._put(told, catalogue)

        self._name_categories(catalogue)

        def finish() -> None:
            catalogue.category_names.update(self._names)
            catalogue.category_codes.update(self._codes)
            for product_id, told in self._told.items():
                if done.get(product_id) is not told:
                    self._put(told, catalogue)
            self._name_categories(catalogue)
            if self.is_whole:
                self._hide_untold(catalogue)

        return finish

    def _take(self, told: CatalogFacts, catalogue: Catalogue | None) -> None:
        self._told[told.product_id] = told
        if catalogue is not None:
            self._put(told, catalogue)

    def _put(self, told: CatalogFacts, catalogue: Catalogue) -> None:
        known = catalogue.get(told.product_id)
        product = product_of(told, known, self._levels, catalogue.category_names, catalogue.category_codes)
        if product is not None and product is not known:
            catalogue.put(product)

    def _name_categories(self, catalogue: Catalogue) -> None:
        """Update category names of products, even of products without news."""
        codes, names = self._codes, self._names
        for product in [each for each in catalogue.products if each.category_id in names]:
            told = names[product.category_id], codes.get(product.category_id)
            if told != (product.category_name, product.category_code):
                catalogue.put(replace(product, category_name=told[0], category_code=told[1]))

    def _hide_untold(self, catalogue: Catalogue) -> None:
        gone = [each for each in catalogue.products if each.is_active and each.product_id not in self._told]
        for product in gone:
            catalogue.put(replace(product, is_active=False))

    def take_category(self, category_id: int, change: ProductChange, catalogue: Catalogue | None) -> None:
        """Apply a category; its products show its new name."""
        if not _is_newer(change.category_version, self._category_versions.get(category_id, UNTOLD)):
            return
        self._category_versions[category_id] = change.category_version
        self._levels[category_id], self._names[category_id] = change.level, change.name
        code = self._codes[category_id] = change.code or self._codes.get(category_id)
        if catalogue is None:
            return
        known = catalogue.category_names.get(category_id), catalogue.category_codes.get(category_id)
        if known == (change.name, code):
            return
        catalogue.category_names[category_id], catalogue.category_codes[category_id] = change.name, code
        for product in [each for each in catalogue.products if each.category_id == category_id]:
            catalogue.put(replace(product, category_name=change.name, category_code=code))
