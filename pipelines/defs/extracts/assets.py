"""The extract for notebooks."""

from collections.abc import Iterator

import dagster as dg

from pipelines.defs.partitions import day_of, days
from pipelines.defs.transformation.assets import PROJECT, warehouse_models
from pipelines.personal import personal_columns
from pipelines.settings import settings
from pipelines.warehouse import Warehouse
from warehouse.extracts import SCHEMAS, DiskFullError, extract


@dg.asset(
    key=["extracts", "duckdb"],
    group_name="extracts",
    kinds={"duckdb", "parquet"},
    partitions_def=days,
    deps=[key for key in warehouse_models.keys if key.path[0] in SCHEMAS],
    output_required=False,
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
)
def duckdb_extract(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
    """All marts as Parquet with DuckDB views, without personal columns, swapped in atomically.

    An extract shows the current marts: it belongs to the day of its run, and earlier ones cannot be rebuilt.
    """
    record = context.instance.get_run_record_by_id(context.run.run_id)
    if record is None or context.partition_key != day_of(record.create_timestamp):
        context.log.warning("the extract of %s is not remade: it would show the marts of now", context.partition_key)
        return
    try:
        manifest = extract(warehouse.url, settings().extracts, left_out=personal_columns(PROJECT.manifest_path))
    except DiskFullError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    yield dg.MaterializeResult(
        metadata={
            "extract": manifest.extract,
            "path": dg.MetadataValue.path(settings().extracts / "current"),
            "dagster/partition_row_count": sum(table.rows for table in manifest.tables.values()),
            "rows": dg.MetadataValue.json({name: table.rows for name, table in manifest.tables.items()}),
        }
    )
