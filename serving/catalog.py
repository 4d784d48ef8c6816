"""Reads products and categories from catalog, which keeps what the broker's log may have deleted."""

from collections.abc import AsyncIterator
from typing import Final

import httpx2
import msgspec

from services.common.web import ndjson
from serving.events import ProductChange
from serving.products import Products
from serving.settings import ServingSettings
from serving.start import ReportProgress
from serving.state import Models

CATEGORIES: Final = "/v1/snapshot/categories"
PRODUCTS: Final = "/v1/snapshot/products"
LINES: Final = msgspec.json.Decoder(ProductChange)
TIMEOUT: Final = httpx2.Timeout(10, connect=2)
TURN: Final = 64 * 1024
"""Bytes processed before control returns to the event loop."""
LONGEST_LINE: Final = 1024 * 1024
"""A hundred times the longest product: what is longer is no line of a snapshot, and is not collected in memory."""


class CatalogSnapshot:
    """Loads catalog's snapshot into the product state."""

    def __init__(self, settings: ServingSettings, products: Products, models: Models) -> None:
        self._products = products
        self._models = models
        self.client = httpx2.AsyncClient(
            base_url=settings.catalog_url, timeout=TIMEOUT, auth=settings.authentication("catalog"), trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def read(self, report_progress: ReportProgress) -> None:
        """Load all products and categories; products that catalog no longer has are deleted.

        Raises:
            HTTPError: catalog does not respond, refuses, disconnects, or sends something else; what was read until then
                is valid and stays.
            MsgspecError: a line is not a snapshot line.
        """
        end, present = self._products.begin_snapshot(), set[int]()
        async for lines in self._turns(CATEGORIES):
            report_progress()
            for line in lines:
                if line.category_id is not None:
                    self._products.take_category(line.category_id, line, self._models.catalogue)
        async for lines in self._turns(PRODUCTS):
            report_progress()
            for line in lines:
                if line.product_id is not None:
                    present.add(line.product_id)
                    self._products.take_product(line.product_id, line, self._models.catalogue)
        end(present, self._models.catalogue)

    async def _turns(self, path: str) -> AsyncIterator[list[ProductChange]]:
        """The lines of a snapshot, in chunks as received."""
        async with self.client.stream("GET", path) as answer:
            answer.raise_for_status()
            if ndjson.MEDIA_TYPE not in answer.headers.get("content-type", ""):  # an empty page would empty the shop
                raise httpx2.DecodingError("catalog sends no lines", request=answer.request)
            rest = b""
            async for block in answer.aiter_bytes(TURN):
                whole, newline, rest = (rest + block).rpartition(b"\n")
                yield LINES.decode_lines(whole + newline)
                if len(rest) > LONGEST_LINE:
                    raise httpx2.DecodingError("a line of catalog's has no end", request=answer.request)
            yield LINES.decode_lines(rest)
