"""Sends an import folder's categories and products through catalog's API, and reads back their ids."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Self

import httpx2
import orjson
import polars as pl

from shop_import.events import Catalogue

CHUNK_LINES = 5_000
TIMEOUT = httpx2.Timeout(10, read=120)

Progress = Callable[[int], None]
Authentication = Callable[[httpx2.Request], httpx2.Request]


class RefusedError(RuntimeError):
    """Catalog refused lines, or does not answer; the message says why."""


class Catalog:
    """A client of the catalog service, as a context manager.

    Args:
        url: its address.
        authentication: puts a service's token into each request.
    """

    def __init__(self, url: str, authentication: Authentication) -> None:
        self.client = httpx2.Client(base_url=url, timeout=TIMEOUT, auth=authentication)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def upload(self, categories: pl.DataFrame, products: pl.DataFrame, currency: str, progress: Progress) -> Catalogue:
        """Create or update everything; returns the ids by the shop's names.

        Args:
            categories: code, name; parents first.
            products: as in the folder, with shifted offers.
            currency: of the prices.
            progress: receives the number of accepted lines.

        Raises:
            RefusedError: a line was refused.
        """
        lines = ({"code": code, "name": name} for code, name in categories.iter_rows())
        made = self._bulk("/v1/categories/bulk", lines, progress)
        ids = pl.DataFrame(made, {"code": pl.String, "categoryId": pl.Int64}).rename({"categoryId": "category_id"})
        named = ids.join(categories, on="code").rename({"code": "category_code", "name": "category_name"})
        placed = products.join(named, on="category_code", how="left", maintain_order="left")
        made = self._bulk("/v1/products/bulk", (product_line(row, currency) for row in _rows(placed)), progress)
        skus = pl.DataFrame(made, {"sku": pl.String, "productId": pl.Int64}).rename({"productId": "product_id"})
        return Catalogue(skus.join(products.select("sku", "name", "price", "category_code"), on="sku"), named)

    def renew_offers(self, products: pl.DataFrame) -> int:
        """Send the special prices of products again; returns the number."""
        lines = ({"sku": row["sku"], "specialPrice": _offer(row)} for row in _rows(products))
        return len(self._bulk("/v1/products/bulk", lines, lambda _: None))

    def _bulk(self, path: str, lines: Iterator[dict[str, Any]], progress: Progress) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for chunk in _chunks(lines):
            body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in chunk)
            answer = self._post(path, body)
            if answer.is_error:
                raise RefusedError(f"{path} answered {answer.status_code}: {answer.text[:500]}")
            results = [orjson.loads(line) for line in answer.text.splitlines()]
            refused = [result for result in results if result["status"] == "refused"]
            if refused:
                raise RefusedError(f"{path} refused {len(refused)} lines, first {refused[:3]}")
            made += results
            progress(len(results))
        return made

    def _post(self, path: str, body: bytes) -> httpx2.Response:
        try:
            return self.client.post(path, content=body, headers={"content-type": "application/x-ndjson"})
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            raise RefusedError(f"the catalog at {self.client.base_url} did not answer {path}: {reason}") from error


def product_line(row: dict[str, Any], currency: str) -> dict[str, Any]:
    """A product of the folder as a line of catalog's bulk upsert; its picture is its category's drawing.

    A product without a stock is only looked up.
    """
    if row["stock"] is None:
        return {"sku": row["sku"]}
    has_category = row["category_id"] is not None
    return {
        "sku": row["sku"],
        "name": row["name"],
        "description": row["description"],
        "brand": row["brand"],
        "price": str(row["price"]),
        "currency": currency,
        "stock": row["stock"],
        "isActive": row["is_active"],
        "image": f"/images/categories/{row['category_id']}.svg" if has_category else None,
        "categoryCodes": [row["category_code"]] if has_category else [],
        "specialPrice": _offer(row),
    }


def moved_offers(products: pl.DataFrame, shift: timedelta) -> pl.DataFrame:
    """Shift offers with the history."""
    return products.with_columns(pl.col("special_starts_at", "special_ends_at") + shift)


def current_offers(products: pl.DataFrame, shift: timedelta, now: datetime) -> pl.DataFrame:
    """Shift offers with the history; extend ended ones by whole durations until they end in the future."""
    products = moved_offers(products, shift)
    starts, ends = pl.col("special_starts_at"), pl.col("special_ends_at")
    length = (ends - starts).dt.total_seconds()
    over = (pl.lit(now.replace(tzinfo=None)) - ends).dt.total_seconds()
    repeats = pl.when(over >= 0).then(over // length + 1).otherwise(0)
    ahead = pl.duration(seconds=repeats * length)
    return products.with_columns(
        special_starts_at=starts + ahead, special_ends_at=ends + ahead, renewed=repeats.fill_null(0) > 0
    )


def _offer(row: dict[str, Any]) -> dict[str, str] | None:
    if row["special_price"] is None:
        return None
    return {
        "price": str(row["special_price"]),
        "startDate": f"{row['special_starts_at'].isoformat()}Z",
        "endDate": f"{row['special_ends_at'].isoformat()}Z",
    }


def _rows(table: pl.DataFrame) -> Iterator[dict[str, Any]]:
    return table.iter_rows(named=True)


def _chunks(lines: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == CHUNK_LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
