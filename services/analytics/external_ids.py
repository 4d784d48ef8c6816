"""The shop's own ids of products and categories: copied from catalog's events, looked up for actions."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import Category, Product
from services.common.messaging.messages import Message
from services.common.storage.database import Database
from services.common.storage.upsert import upsert_rows
from services.contracts.events.catalog import CategoryDeleted, CategorySnapshot, ProductDeleted, ProductSnapshot

TOPIC: Final = "catalog.v1"
KEPT_SECONDS: Final = 60.0
MAX_KEPT: Final = 200_000
LOOK_UP_SECONDS: Final = 2.0
Row = dict[str, Any]
ExternalId = tuple[str, str]
"""`sku` or `code`, and the shop's own id."""


async def follow_catalog(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Store ids from events, and which products are sold; an id never changes its name, and a deletion is final."""
    products: dict[int, Row] = {}
    categories: dict[int, Row] = {}
    for message in messages:
        match message.payload:
            case ProductSnapshot() as told:
                known = {"id": told.product_id, "sku": told.sku, "is_active": told.is_active}
                products[told.product_id] = {**known, "is_deleted": _is_deleted(products, told.product_id)}
            case ProductDeleted() as told:
                known = {"id": told.product_id, "sku": told.sku, "is_active": False}
                products[told.product_id] = {**known, "is_deleted": True}
            case CategorySnapshot() | CategoryDeleted() as told:
                is_deleted = isinstance(told, CategoryDeleted) or _is_deleted(categories, told.category_id)
                categories[told.category_id] = {"id": told.category_id, "code": told.code, "is_deleted": is_deleted}
    for table, rows in ((Product, products), (Category, categories)):
        gone = await session.scalars(select(table.id).where(table.is_deleted, table.id == func.any(list(rows))))
        for each in gone:
            rows[each]["is_deleted"] = True
        await upsert_rows(session, table, list(rows.values()))


def _is_deleted(known: dict[int, Row], each: int) -> bool:
    return each in known and bool(known[each]["is_deleted"])


class ExternalIds:
    """Our ids by the shop's; lookups are cached for a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[ExternalId, tuple[int, float]] = {}

    async def ids(self, wanted: set[ExternalId]) -> dict[ExternalId, int]:
        """Our ids of the known ones."""
        now = time.monotonic()
        found = {name: known[0] for name in wanted if (known := self._known.get(name)) and now < known[1]}
        if missing := wanted - found.keys():
            fresh = await self._ask(missing)
            if len(self._known) > MAX_KEPT:
                self._known.clear()
            self._known.update({name: (each, now + KEPT_SECONDS) for name, each in fresh.items()})
            found |= fresh
        return found

    async def _ask(self, names: set[ExternalId]) -> dict[ExternalId, int]:
        found: dict[ExternalId, int] = {}
        async with asyncio.timeout(LOOK_UP_SECONDS), self._database.sessions() as session:
            for kind, table, column in (("sku", Product, Product.sku), ("code", Category, Category.code)):
                if own := [name for each, name in names if each == kind]:
                    query = select(column, table.id).where(column == func.any(own), ~table.is_deleted)
                    found |= {(kind, name): each for name, each in await session.execute(query)}
        return found
