"""Builds events from an import folder's orders and actions, by column, because there are millions of lines."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import polars as pl

from services.contracts.envelope import Contract, Event
from services.contracts.money import digits_of
from services.contracts.registry import EVENTS
from services.contracts.shop_ids import event_id, order_id
from shop_import.folder import MONEY

PRODUCER = "importer"


@dataclass(frozen=True)
class Catalogue:
    """Catalog's ids by the shop's own names, and the product fields that actions copy.

    Attributes:
        products: sku, product_id, name, price, category_code.
        categories: category_code, category_id, category_name.
    """

    products: pl.DataFrame
    categories: pl.DataFrame


def orders(lines: pl.DataFrame, catalogue: Catalogue, currency: str, shift: timedelta) -> pl.DataFrame:
    """One row per order, in time order.

    Args:
        lines: `orders.parquet`.
        catalogue: the products' ids.
        currency: of all amounts.
        shift: added to every date.

    Returns:
        at, order_id, user_id, external_id, items (the lines as a JSON array's inside), total.
    """
    ids = catalogue.products.select("sku", "product_id")
    money = pl.Decimal(MONEY.precision, digits_of(currency))
    known = _identified(lines, ids).with_columns(pl.col("price", "amount").cast(money))
    line = _json(productId="product_id", quantity="quantity", price=_text("price"), amount=_text("amount"))
    grouped = known.group_by("external_id", maintain_order=True).agg(
        (pl.col("ordered_at").first() + shift).alias("at"),
        pl.col("user_id").first(),
        line.str.join(",").alias("items"),
        pl.col("amount").sum().cast(pl.String).alias("total"),
    )
    numbers = pl.Series("order_id", map(order_id, grouped.get_column("external_id")), pl.Int64)
    return grouped.with_columns(numbers, pl.lit(currency).alias("currency")).sort("at", "order_id")


def _identified(lines: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    known = lines.join(ids, on="sku", how="left", maintain_order="left")
    if missing := known.get_column("product_id").null_count():
        raise ValueError(f"{missing} order lines name products that catalog did not accept")
    return known


def order_events(orders: pl.DataFrame) -> pl.DataFrame:
    """ORDER_COMPLETED of every order, keyed by the order: at, key, value."""
    data = _json(
        orderId="order_id",
        externalId=_quoted(orders, "external_id"),
        userId=_quoted(orders, "user_id"),
        items=pl.concat_str(pl.lit("["), "items", pl.lit("]")),
        totalAmount=_text("total"),
        currency=_text("currency"),
    )
    return _envelopes(orders, "ORDER_COMPLETED", data, key=pl.col("order_id").cast(pl.String))


def order_actions(orders: pl.DataFrame) -> pl.DataFrame:
    """ORDER_COMPLETE of every order, keyed by the user: at, key, value."""
    data = _json(userId=_quoted(orders, "user_id"), orderId="order_id")
    return _envelopes(orders, "ORDER_COMPLETE", data, key=pl.col("user_id"))


def returns(table: pl.DataFrame, catalogue: Catalogue, shift: timedelta) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events of `returns.parquet`: order events, keyed by the order, and the users' actions; at, key, value.

    Returned lines are a return; all lines of an order at once are its cancellation.
    """
    known = _identified(table, catalogue.products.select("sku", "product_id"))
    grouped = known.group_by("return_id", "external_id", maintain_order=True).agg(
        (pl.col("returned_at").first() + shift).alias("at"),
        pl.col("user_id").first(),
        pl.col("is_whole").first(),
        pl.struct("product_id", "quantity").alias("items"),
    )
    events, taken = [], []
    for row in grouped.iter_rows(named=True):
        order, came_back = order_id(row["external_id"]), order_id(f"{row['return_id']}/{row['external_id']}")
        who: dict[str, Any] = {"order_id": order, "user_id": row["user_id"]}
        if row["is_whole"]:
            events.append((row["at"], str(order), _returned(row, "ORDER_CANCELLED", who)))
            taken.append((row["at"], row["user_id"], _returned(row, "ORDER_CANCEL", who)))
        else:
            who["return_id"] = came_back
            events.append((row["at"], str(order), _returned(row, "RETURN_COMPLETED", {**who, "items": row["items"]})))
            taken.append((row["at"], row["user_id"], _returned(row, "ORDER_RETURN_COMPLETE", who)))
    schema = pl.Schema([("at", pl.Datetime("us")), ("key", pl.String()), ("value", pl.String())])
    return pl.DataFrame(events, schema, orient="row"), pl.DataFrame(taken, schema, orient="row")


def _returned(row: dict[str, Any], kind: str, data: dict[str, Any]) -> str:
    return _event(kind, f"{row['return_id']}/{row['external_id']}", row["at"], data)


def _event(kind: str, source: str, happened_at: datetime, data: dict[str, Any]) -> str:
    at = happened_at.replace(tzinfo=UTC)
    payload: Contract = EVENTS[kind].payload.model_validate(data)
    identifier = UUID(event_id(f"{kind}/{source}", int(at.timestamp() * 1000)))
    return Event.of(kind, payload, producer=PRODUCER, event_id=identifier, timestamp=at).to_bytes().decode()


def actions(table: pl.DataFrame, catalogue: Catalogue, currency: str, shift: timedelta) -> pl.DataFrame:
    """The events of `actions.parquet`, keyed by the user: at, key, value."""
    rows = (
        table.join(catalogue.products, on="sku", how="left", maintain_order="left", suffix="_of_product")
        .with_columns(pl.coalesce("category_code", "category_code_of_product").alias("category_code"))
        .join(catalogue.categories, on="category_code", how="left", maintain_order="left")
        .with_columns((pl.col("occurred_at") + shift).alias("at"))
    )
    values = [_action(row, currency) for row in rows.iter_rows(named=True)]
    return rows.select("at", pl.col("user_id").alias("key"), pl.Series("value", values, pl.String)).sort("at")


def _action(row: dict[str, Any], currency: str) -> str:
    kind = row["action_type"]
    prefix = "search_" if kind == "SEARCH_BY_CATEGORY" else ""
    fields = {
        "user_id": row["user_id"],
        "session_id": row["session_id"],
        "simulated": row["simulated"],
        "product_id": row["product_id"],
        "product_name": row["name"],
        "currency": None if row["price"] is None else currency,
        "product_price": row["price"],
        f"{prefix}category_id": row["category_id"],
        f"{prefix}category_name": row["category_name"],
        "search_keyword": row["keyword"],
        "quantity": row["quantity"],
    }
    data = {name: value for name, value in fields.items() if value is not None}
    return _event(kind, row["source_id"], row["at"], data)


def _envelopes(rows: pl.DataFrame, kind: str, data: pl.Expr, *, key: pl.Expr) -> pl.DataFrame:
    times = rows.get_column("at").dt.epoch("ms")
    sources: Iterable[str] = rows.get_column("external_id")
    ids = [event_id(f"{kind}/{source}", time) for source, time in zip(sources, times, strict=True)]
    value = _json(
        eventId=_text(pl.Series(ids)),
        eventType=pl.lit(f'"{kind}"'),
        schemaVersion=pl.lit("1"),
        timestamp=_text(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")),
        producer=pl.lit(f'"{PRODUCER}"'),
        data=data,
    )
    return rows.select("at", key.alias("key"), value.alias("value"))


def _json(**fields: pl.Expr | str) -> pl.Expr:
    """A JSON object from columns that are already JSON."""
    parts: list[pl.Expr] = []
    for name, value in fields.items():
        parts.append(pl.lit(f'{"," if parts else "{"}"{name}":'))
        parts.append((pl.col(value) if isinstance(value, str) else value).cast(pl.String))
    return pl.concat_str(*parts, pl.lit("}"))


def _text(value: pl.Expr | pl.Series | str) -> pl.Expr:
    """A JSON string from a column without characters to escape."""
    inner = pl.lit(value) if isinstance(value, pl.Series) else pl.col(value) if isinstance(value, str) else value
    return pl.concat_str(pl.lit('"'), inner.cast(pl.String), pl.lit('"'))


def _quoted(table: pl.DataFrame, column: str) -> pl.Expr:
    """A JSON string from a column with the shop's own text."""
    distinct = table.get_column(column).unique()
    return pl.col(column).replace_strict(distinct, [orjson.dumps(text).decode() for text in distinct])
