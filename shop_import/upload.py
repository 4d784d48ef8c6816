"""Sends an import folder's categories and products through catalog's API, and reads back their ids."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from shop_import.bulk import BulkClient, Progress
from shop_import.events import Catalogue


class Catalog(BulkClient):
    """A client of the catalog service."""

    name = "catalog"

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
        made = self.send("/v1/categories/bulk", lines, progress)
        ids = pl.DataFrame(made, {"code": pl.String, "categoryId": pl.Int64}).rename({"categoryId": "category_id"})
        named = ids.join(categories, on="code").rename({"code": "category_code", "name": "category_name"})
        placed = products.join(named, on="category_code", how="left", maintain_order="left")
        made = self.send("/v1/products/bulk", (product_line(row, currency) for row in _rows(placed)), progress)
        skus = pl.DataFrame(made, {"sku": pl.String, "productId": pl.Int64}).rename({"productId": "product_id"})
        return Catalogue(skus.join(products.select("sku", "name", "price", "category_code"), on="sku"), named)

    def renew_offers(self, products: pl.DataFrame) -> int:
        """Send the special prices of products again; returns the number."""
        lines = ({"sku": row["sku"], "specialPrice": _offer(row)} for row in _rows(products))
        return len(self.send("/v1/products/bulk", lines, lambda _: None))


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
