"""The training set of a day."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import polars as pl
from pydantic import Field

from ml.bundle.champion import Champion
from ml.bundle.check import BundleError
from ml.bundle.files import read_manifest
from pipelines.defs.partitions import cut_of, days
from pipelines.settings import settings
from pipelines.training_set import NoInteractionsError, TrainingSet
from pipelines.warehouse import Warehouse

CHECK = "has_interactions_and_recommendable_items"
KNOWN, LATEST = "holds_what_the_champion_was_made_of", "the_last_week_is_like_those_before"
KEPT_SHARE = 0.9
"""Minimum share of the champion's purchase lines; erased users and cancelled orders remove some."""
LEAST_WEEK = 0.5
"""Minimum share of the average of the four weeks before."""
WEEK = timedelta(days=7)


class DatasetConfig(dg.Config):
    """Known exceptions."""

    fewer_lines: bool = Field(
        default=False, description="Purchase lines were taken away on purpose: fewer than the champion's will do."
    )


@dg.asset(
    key=["training", "dataset"],
    group_name="training",
    kinds={"polars", "parquet"},
    partitions_def=days,
    deps=[
        ["recommendation", "interactions"],
        ["recommendation", "negative_interactions"],
        ["recommendation", "item_features"],
        ["core", "products"],
        ["core", "users"],
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
        ),
        dg.AssetCheckSpec(
            KNOWN,
            asset=["training", "dataset"],
            blocking=True,
            description="Of the purchase lines that the champion was made of, nine of ten are still there.",
        ),
        dg.AssetCheckSpec(
            LATEST,
            asset=["training", "dataset"],
            description="The last week has at least half the purchase lines of a week of the four before.",
        ),
    ],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
)
def training_dataset(
    context: dg.AssetExecutionContext, config: DatasetConfig, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult[None]]:
    """Purchase lines and recent actions up to the end of the day (for today: now), and the current catalogue.

    Earlier catalogues are not recorded: a backfilled day has today's products, stock and prices.
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
            "lines_returned": found.returned.height,
            "items_bought": found.interactions["product_id"].n_unique(),
            "items": found.items.height,
            "recommendable_items": recommendable,
            "activity": found.activity.height,
            "cut": dg.MetadataValue.timestamp(found.cut),
            "data_cut": dg.MetadataValue.timestamp(found.data_cut),
        },
        check_results=[
            dg.AssetCheckResult(passed=recommendable > 0, check_name=CHECK),
            holds_what_the_champion_was_made_of(found, fewer=config.fewer_lines),
            the_last_week_is_like_those_before(found),
        ],
    )


def holds_what_the_champion_was_made_of(found: TrainingSet, *, fewer: bool) -> dg.AssetCheckResult:
    """Lost lines do not make a model worse than popularity, which has lost them too: they must be counted."""
    try:
        champion = Champion.read(settings().bundles)
        manifest = read_manifest(settings().bundles / champion.bundle) if champion else None
    except BundleError:
        manifest = None
    if manifest is None or not manifest.purchase_lines:
        return dg.AssetCheckResult(passed=True, check_name=KNOWN, metadata={"champion": "none that tells its lines"})
    if found.cut < manifest.data_cut:  # a backfill, which cannot become the champion
        return dg.AssetCheckResult(passed=True, check_name=KNOWN, metadata={"champion": "of a later day"})
    lines = found.interactions.filter(pl.col("ordered_at") <= manifest.data_cut).height
    enough = lines >= KEPT_SHARE * manifest.purchase_lines
    return dg.AssetCheckResult(
        passed=enough or fewer,
        check_name=KNOWN,
        description=None if enough else "Find what was lost; if it is meant, run with the configuration `fewer_lines`.",
        metadata={"lines": lines, "champions_lines": manifest.purchase_lines, "champion": manifest.bundle},
    )


def the_last_week_is_like_those_before(found: TrainingSet) -> dg.AssetCheckResult:
    """A warning only: a holiday can cause it too."""
    age = found.data_cut - pl.col("ordered_at")
    last = found.interactions.filter(age < WEEK).height
    before = found.interactions.filter(age >= WEEK, age < 5 * WEEK).height / 4
    return dg.AssetCheckResult(
        passed=last >= LEAST_WEEK * before,
        check_name=LATEST,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"lines": last, "lines_a_week_before": before},
    )
