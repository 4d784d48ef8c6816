"""Sends an import folder's categories and products through catalog's API, and reads back their ids."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from shop_import import attributes
from shop_import.bulk import BulkClient, Progress
from shop_import.events import Catalogue

FIELDS: Final = {"name": ("name",), "price": ("price", "currency"), "stock": ("stock",), "is_active": ("isActive",)}
"""The fields of a line by the column that may be defaulted."""


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
        defined = self._attributes(products)
        placed = products.join(named, on="category_code", how="left", maintain_order="left")
        there = self._there(products)
        lines = (product_line(row, currency, defined, is_there=row["sku"] in there) for row in _rows(placed))
        made = self.send("/v1/products/bulk", lines, progress)
        skus = pl.DataFrame(made, {"sku": pl.String, "productId": pl.Int64}).rename({"productId": "product_id"})
        return Catalogue(skus.join(products.select("sku", "name", "price", "category_code"), on="sku"), named)

    def _there(self, products: pl.DataFrame) -> set[str]:
        """Those of the products with defaults that catalog has: of others it refuses a line with the sku alone."""
        skus = products.filter(pl.col("defaulted").is_not_null()).get_column("sku")
        chunks = self.results("/v1/products/bulk", ({"sku": sku} for sku in skus))
        return {result["sku"] for chunk in chunks for result in chunk if result["status"] != "refused"}

    def _attributes(self, products: pl.DataFrame) -> dict[str, dict[str, Any]]:
        """The definitions of the attributes that products have, by code; those that catalog lacks are made."""
        values: dict[str, list[Any]] = {}
        for text in products.get_column("attributes").drop_nulls():
            for code, value in attributes.decoded(text).items():
                values.setdefault(code, []).append(value)
        found = {}
        for code, seen in values.items():
            place = f"/v1/attributes/{code}"
            known = self.ask("GET", place)
            found[code] = known or self.ask("POST", "/v1/attributes", attributes.definition(code, seen)) or {}
        return found

    def renew_offers(self, products: pl.DataFrame) -> int:
        """Send the special prices of products again; returns the number."""
        lines = ({"sku": row["sku"], "specialPrice": _offer(row)} for row in _rows(products))
        return len(self.send("/v1/products/bulk", lines, lambda _: None))


def product_line(
    row: dict[str, Any], currency: str, defined: Mapping[str, attributes.Values], *, is_there: bool
) -> dict[str, Any]:
    """A product of the folder as a line of catalog's bulk upsert, with what the shop's file says of it.

    A product without a stock is only looked up. A blank leaves what catalog has, as does a default of a product there.

    Args:
        row: the product.
        currency: of its price.
        defined: the definitions of attributes, by code.
        is_there: whether catalog has the product.
    """
    if row["stock"] is None:
        return {"sku": row["sku"]}
    defaulted = (row["defaulted"] or "").split(attributes.SEPARATOR) if is_there else []
    left = {field for column in defaulted for field in FIELDS.get(column, ())}
    fields = {
        "name": row["name"],
        "description": row["description"],
        "brand": row["brand"],
        "image": row["image"],
        "price": str(row["price"]),
        "currency": currency,
        "stock": row["stock"],
        "isActive": row["is_active"],
        "categoryCodes": [row["category_code"]] if row["category_id"] is not None else None,
        "specialPrice": _offer(row),
        "parentSku": row["parent_sku"],
        "keywords": _keywords(row["keywords"]) if row["keywords"] else None,
        "attributes": _attributes(row["attributes"], defined) if row["attributes"] else None,
    }
    return {"sku": row["sku"], **{key: each for key, each in fields.items() if each is not None and key not in left}}


def _keywords(text: str) -> list[str]:
    return [word for each in text.split(attributes.SEPARATOR) if (word := each.strip())]


def _attributes(text: str, defined: Mapping[str, attributes.Values]) -> dict[str, Any]:
    return {code: attributes.typed(value, defined[code]) for code, value in attributes.decoded(text).items()}


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
