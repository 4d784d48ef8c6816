"""The extract that notebooks open."""

import dagster as dg

from pipelines.defs.partitions import days, today
from pipelines.settings import settings
from pipelines.warehouse import Warehouse
from warehouse.extracts import extract


@dg.asset(
    key=["extracts", "duckdb"],
    group_name="extracts",
    kinds={"duckdb", "parquet"},
    partitions_def=days,
    deps=[
        ["core", "users"],
        ["core", "products"],
        ["core", "categories"],
        ["core", "orders"],
        ["core", "order_items"],
        ["behaviour", "actions"],
        ["behaviour", "product_views"],
        ["behaviour", "sessions"],
        ["merchandising", "product_performance"],
        ["recommendation", "interactions"],
        ["recommendation", "item_features"],
        ["recommendation", "feedback"],
    ],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
)
def duckdb_extract(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """All marts as Parquet with DuckDB views, personal columns left out, swapped in at once."""
    if context.partition_key != today():
        raise dg.Failure("an extract shows the marts as they are: only today's can be made", allow_retries=False)
    manifest = extract(warehouse.url, settings().extracts)
    return dg.MaterializeResult(
        metadata={
            "extract": manifest.extract,
            "path": dg.MetadataValue.path(settings().extracts / "current"),
            "dagster/partition_row_count": sum(table.rows for table in manifest.tables.values()),
            "rows": dg.MetadataValue.json({name: table.rows for name, table in manifest.tables.items()}),
        }
    )
