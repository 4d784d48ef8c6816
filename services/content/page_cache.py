"""Cached pages: one is valid until a date that matters, while what is shown is of one version, and so are its products.

Beside the page stands what it was made of: the version of rows and generations, what the user wishes, and its products
with the catalog's version then. A later change of the catalogue counts only if it is of one of these products.
"""

import time
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.storage.cache import Cache
from services.content import queries

SHORTEST_CACHED = 1.0


@dataclass(frozen=True)
class MadeOf:
    """What a page was made of.

    Attributes:
        version: of rows and generations.
        wished: what the user wishes of the page.
        catalog_version: the last change of the catalogue that it contains.
        until: when a date changes the page, in seconds since 1970 UTC.
        product_ids: the products of its rows, shown or not.
    """

    version: int
    wished: str
    catalog_version: int
    until: float
    product_ids: list[int]

    @classmethod
    def of(cls, active: Row[Any], until: float, product_ids: list[int]) -> Self:
        """What a page is made of that is composed after `active` was read."""
        return cls(active.version, _wished(active), active.catalog_version, until, product_ids)

    def is_still(self, active: Row[Any]) -> bool:
        """Whether rows, generations and wishes are the same; not whether the products are."""
        return (self.version, self.wished) == (active.version, _wished(active))


class PageCache:
    """The cached page of one user; None for the page of everyone. One that tells what is hidden is another page."""

    def __init__(self, cache: Cache, user_id: str | None, *, tells_hidden: bool) -> None:
        self._cache = cache
        whose = "everyone" if user_id is None else f"user:{user_id}"
        self._key = f"displays:{'all' if tells_hidden else 'public'}:{whose}"

    async def get(self, session: AsyncSession, active: Row[Any]) -> bytes | None:
        """The page, if it is valid."""
        known = await self._cache.get(self._key)
        if known is None:
            return None
        head, _, body = known.partition(b"\n")
        made_of = MadeOf(**orjson.loads(head))
        if not made_of.is_still(active):
            return None
        if made_of.catalog_version != active.catalog_version:
            if await queries.have_changed(session, made_of.product_ids, made_of.catalog_version):
                return None
            await self.put(replace(made_of, catalog_version=active.catalog_version), body)
        return body

    async def put(self, made_of: MadeOf, body: bytes) -> None:
        """Keep a page, unless a date changes it very soon."""
        if (seconds := made_of.until - time.time()) >= SHORTEST_CACHED:
            await self._cache.set(self._key, orjson.dumps(made_of) + b"\n" + body, seconds)


def _wished(active: Row[Any]) -> str:
    return f"{'everyones' if active.has_consent is False else 'own'} {' '.join(sorted(active.opted_out or ()))}"
