"""Writes the checked data as an import folder: only data that no earlier import had, in time order."""

from collections.abc import Iterator
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from services.contracts.envelope import VISITOR
from shop_import.cancellations import Bought, Return, match
from shop_import.checking import ShopFolder
from shop_import.findings import BadRow, Fault, Findings
from shop_import.folder import MONEY, TABLES, TIME, Manifest, write_manifest

ROWS_TOGETHER = 50_000
"""Rows per Parquet row group: the unit that readers load."""
STOCK = 1_000
"""The stock of a product without a given stock."""

NEW_LINES = """
create view new_lines as
select order_id as external_id, lines.user_id, facts.ordered_at, item_id as sku, quantity, price, amount, lines.row
from lines inner join facts on lines.order_id = facts.external_id
where not is_bad and quantity > 0
and order_id not in (select order_id from left_out)
and order_id not in (select external_id from known_facts)
"""
RETURNED = """
create table returned as
select row, order_id as return_id, user_id, item_id as sku, ordered_at as returned_at, -quantity as quantity
from lines
where not is_bad and quantity < 0
and order_id not in (select order_id from left_out)
and order_id not in (select return_id from known_returns)
"""
BOUGHT = """
with bought as (
    select user_id, sku, external_id, ordered_at, quantity from new_lines
    union all select user_id, sku, external_id, ordered_at, quantity from known_orders
),

back as (select external_id, sku, sum(quantity) as quantity from known_returns group by all)

select user_id, sku, external_id, min(ordered_at), (sum(bought.quantity) - coalesce(max(back.quantity), 0))::bigint
from bought left join back using (external_id, sku)
where (user_id, sku) in (select (user_id, sku) from returned)
group by user_id, sku, external_id order by user_id, sku, external_id
"""
RETURNS = """
with whole as (
    select external_id, sum(quantity) as quantity
    from (select external_id, quantity from new_lines union all select external_id, quantity from known_orders)
    where external_id in (select external_id from matched) group by external_id
),

told as (
    select return_id, external_id, min(returned_at) as returned_at, sum(quantity) as quantity
    from matched group by return_id, external_id
)

select
    return_id, external_id, user_id, told.returned_at, sku, sum(matched.quantity)::bigint as quantity,
    told.quantity = whole.quantity as is_whole
from matched inner join told using (return_id, external_id) inner join whole using (external_id)
group by return_id, external_id, user_id, told.returned_at, sku, told.quantity, whole.quantity
order by returned_at, return_id, external_id, sku
"""
MATCHED = """
create table matched (
    return_id text, external_id text, user_id text, sku text, returned_at timestamp, quantity bigint
)
"""
PRODUCTS = """
with told as (
    select * from staged_items where not is_bad and row not in (select row from bad_rows where file = 'items')
    qualify row_number() over (partition by item_id order by row {direction}) = 1
),

of_variants as (select parent_id as sku, min(price) as price from told where parent_id is not null group by all),

wanted as (
    select sku from (
        select sku from new_lines union select sku from matched
        union select item_id from new_actions where item_id is not null
    )
    where sku not in (select item_id from told)
)

select
    item_id as sku, coalesce(told.name, item_id) as name, told.description, told.brand, codes.code as category_code,
    coalesce(told.price, sold.price, known.price, of_variants.price) as price, coalesce(told.stock, {stock}) as stock,
    coalesce(told.is_active, true) as is_active,
    case when special_ends > $now then told.special_price end as special_price,
    case when special_ends > $now then told.special_starts_at end as special_starts_at,
    case when special_ends > $now then told.special_ends_at end as special_ends_at,
    told.parent_id as parent_sku, told.keywords, told.attributes, told.image,
    nullif(concat_ws('|', case when told.name is null then 'name' end, case when told.stock is null then 'stock' end,
        case when told.is_active is null then 'is_active' end,
        case when told.price is null and told.special_price is null then 'price' end), '') as defaulted
from (select *, case when special_price is not null then special_ends_at end as special_ends from told) as told
left join codes on told.category_id = codes.category_id
left join sold on told.item_id = sold.sku
left join known_product as known on told.item_id = known.sku
left join of_variants on told.item_id = of_variants.sku
union all
select
    wanted.sku, coalesce(known.name, wanted.sku), known.description, known.brand, known.category_code,
    coalesce(known.price, sold.price), case when known.sku is null then {placeholder_stock} end,
    case when known.sku is null then {placeholder_active} else known.is_active end, null, null, null,
    null, null, null, null, 'name|stock|is_active|price'
from wanted left join known_product as known using (sku) left join sold using (sku)
where coalesce(known.price, sold.price) is not null
order by sku
"""
ORDERS = """
select external_id, user_id, ordered_at, sku, quantity, price, amount from new_lines
order by ordered_at, external_id, row
"""
CATEGORIES = "select distinct code, name from codes order by length(code) - length(replace(code, ' > ', '')), code"
ACTIONS = """
select source_id, user_id, session_id, action_type, occurred_at, item_id as sku, codes.code as category_code, keyword,
    quantity, false as simulated
from new_actions left join codes using (category_id)
where row not in (select row from bad_rows where file = 'actions')
and source_id not in (select source_id from known_actions)
and (item_id is null or item_id in (select sku from products))
qualify row_number() over (partition by source_id order by row) = 1
order by occurred_at, source_id
"""
COUNTS = {
    "users": f"""select count(distinct user_id)
        from (select user_id from made_orders union all select user_id from made_actions)
        where not starts_with(user_id, '{VISITOR}')""",  # noqa: S608 - a constant of ours
    "orders": "select count(distinct external_id) from made_orders",
    "order_lines": "select count(*) from made_orders",
    "orders_imported_before": "select count(*) from facts where external_id in (select external_id from known_facts)",
    "orders_left_out": "select count(*) from left_out",
    "cancelled_orders": "select count(distinct (return_id, external_id)) from made_returns where is_whole",
    "returns": "select count(distinct (return_id, external_id)) from made_returns where not is_whole",
    "products": "select count(*) from made_products",
    "placeholder_products": "select count(*) from made_products where stock = 0 and not is_active and sku not in "
    "(select item_id from staged_items where item_id is not null and not is_bad)",
    "special_prices": "select count(*) from made_products where special_price is not null",
    "categories": "select count(*) from made_categories",
    "actions": "select count(*) from made_actions",
    "actions_imported_before": "select count(*) from new_actions where source_id in "
    "(select source_id from known_actions)",
}
LAST = """
select greatest(
    (select max(ordered_at) from made_orders), (select max(returned_at) from made_returns),
    (select max(occurred_at) from made_actions))
"""
MATCHED_SCHEMA = pl.Schema(
    [
        *((name, pl.String()) for name in ("return_id", "external_id", "user_id", "sku")),
        ("returned_at", pl.Datetime("us")),
        ("quantity", pl.Int64()),
    ]
)
SQL_TYPES = {pl.String: "text", pl.Int64: "bigint", pl.Boolean: "boolean", MONEY: "decimal(15, 3)", TIME: "timestamp"}


def convert(
    connection: duckdb.DuckDBPyConnection,
    directory: Path,
    folder: ShopFolder,
    findings: Findings,
    *,
    has_items: bool,
    takes_last: bool,
) -> Manifest:
    """Write the import folder and return its manifest.

    Args:
        connection: after `relations.check`.
        directory: the target; it must not exist.
        folder: the shop's folder.
        findings: receives unmatched lines and counts.
        has_items: whether the shop has an items file; a sold item that it lacks becomes an inactive product.
        takes_last: whether the last row of an item wins, not the first.
    """
    directory.mkdir()
    shop, now = folder.shop, folder.now.astimezone(UTC).replace(tzinfo=None)
    connection.execute(NEW_LINES)
    connection.execute(RETURNED)
    _match(connection, findings)
    products = PRODUCTS.format(
        direction="desc" if takes_last else "asc",
        stock=STOCK,
        placeholder_stock=0 if has_items else STOCK,
        placeholder_active=not has_items,
    )
    connection.execute("create table products as " + products, {"now": now})
    for name, query in {
        "categories": CATEGORIES,
        "products": "select * from products order by parent_sku is not null, sku",
        "orders": ORDERS,
        "returns": RETURNS,
        "actions": ACTIONS,
    }.items():
        _write(connection, directory / f"{name}.parquet", query, TABLES[name])
    counts = _counts(connection)
    findings.counts.update(counts)
    last_at = _one(connection, LAST) or now
    manifest = Manifest(
        name=shop.name,
        currency=shop.currency,
        timezone=shop.timezone,
        last_event_at=last_at.replace(tzinfo=UTC),
        counts=counts,
        notes=findings.notes,
    )
    write_manifest(directory, manifest)
    return manifest


def _write(connection: duckdb.DuckDBPyConnection, file: Path, query: str, columns: dict[str, Any]) -> None:
    typed = ", ".join(f'cast("{column}" as {SQL_TYPES[kind]}) as "{column}"' for column, kind in columns.items())
    place = str(file).replace("'", "''")
    copy = f"copy (select {typed} from ({query})) to '{place}' (format parquet, row_group_size {ROWS_TOGETHER})"  # noqa: S608
    connection.execute(copy)
    connection.read_parquet(str(file)).create_view(f"made_{file.stem}")


def _match(connection: duckdb.DuckDBPyConnection, findings: Findings) -> None:
    """Fill `matched`; unmatched lines are reported."""
    connection.execute(MATCHED)
    bought = _fetch(connection.cursor(), BOUGHT)
    returned = _fetch(connection.cursor(), "select * from returned order by user_id, sku, returned_at, row")
    matches = match(
        (((user, sku), Bought(order, at, left)) for user, sku, order, at, left in bought),
        (Return(row, number, user, sku, at, quantity) for row, number, user, sku, at, quantity in returned),
    )
    while part := list(islice(matches, ROWS_TOGETHER)):
        rows = [
            (each.line.return_id, each.order_id, each.line.user_id, each.line.item_id, each.line.at, each.quantity)
            for each in part
            if each.order_id is not None
        ]
        found = pl.DataFrame(rows, MATCHED_SCHEMA, orient="row").to_arrow()
        connection.register("matches", found)
        connection.execute("insert into matched select * from matches")
        findings.warn(
            BadRow("orders", each.line.row, "quantity", str(-each.quantity), Fault.UNMATCHED)
            for each in part
            if each.order_id is None
        )


def _fetch(cursor: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    cursor.execute(query)
    while rows := cursor.fetchmany(ROWS_TOGETHER):
        yield from rows


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The counts of what is in the folder and what was left out."""
    return {name: _one(connection, query) or 0 for name, query in COUNTS.items()}


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:  # noqa: ANN401 - any value
    row = connection.execute(query).fetchone()
    return row[0] if row else None
