"""The import folder: one import of a shop, as Parquet files and an `import.yaml`.

    import.yaml          what this is (`Manifest`)
    categories.parquet   code (path, parts joined by " > "), name (unique); parents before their children
    products.parquet     sku, name, description?, brand?, category_code?, price, stock?, is_active,
                         special_price?, special_starts_at?, special_ends_at?, parent_sku?, keywords? (between `|`),
                         attributes? (a JSON object), image?, defaulted? (between `|`); parents before their variants
    orders.parquet       one row per line, lines of an order together, in time order:
                         external_id, user_id, ordered_at, sku, quantity, price, amount
    returns.parquet      returned lines or whole orders: return_id, external_id, user_id, returned_at, sku,
                         quantity, is_whole; may be missing; in time order
    actions.parquet      source_id, user_id, session_id, action_type, occurred_at, sku?, category_code?, keyword?,
                         quantity?, simulated; in time order

Money is Decimal(15, 3) in the manifest's currency, times are UTC without an offset, ids are text; `?` may be null.
`source_id` is an action's id in the shop's own systems. A product without a stock exists in catalog and stays
unchanged. `defaulted` names those of name, price, stock and is_active that the shop's file does not say: their values
are for a product that catalog lacks.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, PositiveInt

MONEY = pl.Decimal(15, 3)
TIME = pl.Datetime("us")

TABLES: dict[str, dict[str, Any]] = {
    "categories": {"code": pl.String, "name": pl.String},
    "products": {
        "sku": pl.String,
        "name": pl.String,
        "description": pl.String,
        "brand": pl.String,
        "category_code": pl.String,
        "price": MONEY,
        "stock": pl.Int64,
        "is_active": pl.Boolean,
        "special_price": MONEY,
        "special_starts_at": TIME,
        "special_ends_at": TIME,
        "parent_sku": pl.String,
        "keywords": pl.String,
        "attributes": pl.String,
        "image": pl.String,
        "defaulted": pl.String,
    },
    "orders": {
        "external_id": pl.String,
        "user_id": pl.String,
        "ordered_at": TIME,
        "sku": pl.String,
        "quantity": pl.Int64,
        "price": MONEY,
        "amount": MONEY,
    },
    "returns": {
        "return_id": pl.String,
        "external_id": pl.String,
        "user_id": pl.String,
        "returned_at": TIME,
        "sku": pl.String,
        "quantity": pl.Int64,
        "is_whole": pl.Boolean,
    },
    "actions": {
        "source_id": pl.String,
        "user_id": pl.String,
        "session_id": pl.String,
        "action_type": pl.String,
        "occurred_at": TIME,
        "sku": pl.String,
        "category_code": pl.String,
        "keyword": pl.String,
        "quantity": pl.Int64,
        "simulated": pl.Boolean,
    },
}


YOUNGER = ("parent_sku", "keywords", "attributes", "image", "defaulted")
"""Columns that folders of older releases lack, and tables that know nothing of them."""


class FolderError(ValueError):
    """The folder is not in the described format; the message names the file and the fault."""


class Manifest(BaseModel):
    """`import.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    name: str
    currency: str
    timezone: str | None = None
    last_event_at: datetime
    evaluation_starts_at: datetime | None = None
    users: PositiveInt | None = None
    days: PositiveInt | None = None
    counts: dict[str, int] = {}
    notes: list[str] = []


def write_table(folder: Path, name: str, table: pl.DataFrame) -> None:
    """Write one table with exactly the documented columns; those of `YOUNGER` may be missing."""
    absent = (pl.lit(None).alias(each) for each in TABLES[name] if each in YOUNGER and each not in table.columns)
    table.with_columns(absent).select(pl.col(column).cast(kind) for column, kind in TABLES[name].items()).write_parquet(
        folder / f"{name}.parquet"
    )


def read_table(folder: Path, name: str) -> pl.DataFrame:
    """Read one table.

    Raises:
        FolderError: it is missing, or its columns are not the documented ones.
    """
    return scan_table(folder, name).collect()


def scan_table(folder: Path, name: str) -> pl.LazyFrame:
    """One table, scanned lazily.

    Raises:
        FolderError: it is missing, or its columns are not the documented ones.
    """
    file = folder / f"{name}.parquet"
    wanted = pl.Schema(TABLES[name])
    if not file.exists() and name == "returns":
        return pl.LazyFrame(schema=wanted)
    if not file.exists():
        raise FolderError(f"{file} is missing")
    table = pl.scan_parquet(file)
    absent = [column for column in wanted if column in YOUNGER and column not in table.collect_schema()]
    table = table.with_columns(pl.lit(None, wanted[column]).alias(column) for column in absent)
    if (found := table.collect_schema()) != wanted:
        raise FolderError(f"{file} has the columns {dict(found)}, not {dict(wanted)}")
    return table


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `import.yaml`; do it last, because a folder with one counts as complete."""
    draft = folder / ".import.yaml"
    draft.write_text(yaml.safe_dump(manifest.model_dump(exclude_none=True), sort_keys=False))
    draft.replace(folder / "import.yaml")  # half of it, as a full disk leaves it, would count as complete


def read_manifest(folder: Path) -> Manifest | None:
    """Read `import.yaml`, None if there is none."""
    file = folder / "import.yaml"
    return Manifest.model_validate(yaml.safe_load(file.read_text())) if file.exists() else None
