"""What a day's models are made from."""

from collections.abc import Iterator

import dagster as dg

from pipelines.defs.partitions import cut_of, days
from pipelines.settings import settings
from pipelines.training_set import NoInteractionsError, TrainingSet
from pipelines.warehouse import Warehouse

CHECK = "has_interactions_and_recommendable_items"


@dg.asset(
    key=["training", "dataset"],
    group_name="training",
    kinds={"polars", "parquet"},
    partitions_def=days,
    deps=[
        ["recommendation", "interactions"],
        ["recommendation", "item_features"],
        ["core", "products"],
        ["core", "order_items"],
        ["behaviour", "product_views"],
        ["behaviour", "actions"],
    ],
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=["training", "dataset"],
            blocking=True,
            description="There is something to learn from and something to recommend.",
        )
    ],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
)
def training_dataset(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
    """Purchase lines and recent activity up to the end of the day (for today: now), and the catalogue of this moment.

    What the catalogue was at an earlier cut is not recorded: a backfilled day has today's products, stock and prices.
    """
    try:
        found = TrainingSet.query(warehouse, cut_of(context.partition_key))
    except NoInteractionsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    found.write(settings().training / context.partition_key)
    recommendable = int((found.items["is_active"] & found.items["is_recommendable"]).sum())
    yield dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": found.interactions.height,
            "users": found.interactions["user_id"].n_unique(),
            "baskets": found.interactions["order_id"].n_unique(),
            "items_bought": found.interactions["product_id"].n_unique(),
            "items": found.items.height,
            "recommendable_items": recommendable,
            "activity": found.activity.height,
            "cut": dg.MetadataValue.timestamp(found.cut),
            "data_cut": dg.MetadataValue.timestamp(found.data_cut),
        },
        check_results=[dg.AssetCheckResult(passed=recommendable > 0, check_name=CHECK)],
    )
