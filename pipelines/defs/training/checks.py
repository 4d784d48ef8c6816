"""What must hold of a bundle before it becomes the champion."""

import time
from datetime import datetime

import dagster as dg
import numpy as np

from ml.bundle import Bundle, BundleError, Champion
from ml.catalogue import Catalogue
from ml.shelves import Rules, Shopper, compose
from pipelines.defs.partitions import days
from pipelines.settings import settings

MINIMUM_FULL_LISTS = 0.95
MINIMUM_COVERAGE = 0.001
MAXIMUM_BYTES = 4 * 1024**3
MAXIMUM_P99_MS = 50
MINIMUM_OVERLAP = 0.2
SAMPLE = 300
COMPARED = 10


def _bundle_of(context: dg.AssetCheckExecutionContext) -> Bundle:
    bundle_id = (settings().training / context.partition_key / "bundle").read_text()
    return Bundle.open(settings().bundles / bundle_id, Rules.load().candidate_sources())


@dg.asset_check(asset=["training", "bundle"], blocking=True, partitions_def=days)
def files_are_whole_and_finite(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """It opens as serving opens it: known version, right hashes and shapes, no NaN, not empty, every source there."""
    try:
        _bundle_of(context)
    except BundleError as error:
        return dg.AssetCheckResult(passed=False, metadata={"reason": error.reason, "detail": str(error)})
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=["training", "bundle"], blocking=True, partitions_def=days)
def lists_reach_users_and_items(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Nearly every user has lists that fill a shelf, and not everybody's are the same."""
    bundle = _bundle_of(context)
    items = bundle.content.items
    wanted = min(Rules.load().limit, int(items["is_recommendable"].sum()) // 2)
    firsts = {source: ranked.items[:, :wanted] for source, ranked in bundle.content.candidates.items()}
    full = {source: float((first >= 0).all(axis=1).mean()) for source, first in firsts.items()}
    coverage = {source: len(np.unique(first[first >= 0])) / items.height for source, first in firsts.items()}
    return dg.AssetCheckResult(
        passed=full["repurchase"] >= MINIMUM_FULL_LISTS and min(coverage.values()) >= MINIMUM_COVERAGE,
        metadata={"full_lists": dg.MetadataValue.json(full), "coverage": dg.MetadataValue.json(coverage)},
    )


@dg.asset_check(asset=["training", "bundle"], blocking=True, partitions_def=days)
def pages_are_made_in_time(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Whole pages of users spread over the bundle are composed from memory in milliseconds."""
    bundle, rules = _bundle_of(context), Rules.load()
    catalogue, now = Catalogue(bundle), datetime.now(settings().timezone)
    users = list(bundle.user_rows)
    milliseconds = []
    for user_id in users[:: max(1, len(users) // SAMPLE)]:
        started = time.perf_counter()
        compose(bundle, catalogue, rules, Shopper(user_id), now)
        milliseconds.append((time.perf_counter() - started) * 1000)
    p50, p99 = np.quantile(milliseconds, [0.5, 0.99])
    return dg.AssetCheckResult(passed=bool(p99 <= MAXIMUM_P99_MS), metadata={"p50_ms": p50, "p99_ms": p99})


@dg.asset_check(asset=["training", "bundle"], blocking=True, partitions_def=days)
def size_is_bounded(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """A worker maps the whole bundle, and the disk holds several."""
    directory = settings().bundles / (settings().training / context.partition_key / "bundle").read_text()
    size = sum(file.stat().st_size for file in directory.iterdir())
    return dg.AssetCheckResult(passed=size <= MAXIMUM_BYTES, metadata={"megabytes": size / 1e6})


@dg.asset_check(asset=["training", "bundle"], partitions_def=days)
def lists_agree_with_the_champions(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """What users were recommended yesterday has not changed altogether; a warning, for a new model may well differ."""
    champion = Champion.read(settings().bundles)
    if champion is None:
        return dg.AssetCheckResult(passed=True, metadata={"compared": "there is no champion yet"})
    ours, theirs = _bundle_of(context), Bundle.open(settings().bundles / champion.bundle)
    overlap = float(
        np.mean([_overlap(ours, theirs, user_id) for user_id in theirs.user_rows.keys() & ours.user_rows.keys()] or [1])
    )
    return dg.AssetCheckResult(
        passed=overlap >= MINIMUM_OVERLAP, severity=dg.AssetCheckSeverity.WARN, metadata={"overlap": overlap}
    )


def _overlap(ours: Bundle, theirs: Bundle, user_id: str) -> float:
    """Share of the first products of the user's discover list that both name."""
    named = [
        {bundle.content.items["product_id"][item] for item in bundle.candidates("discover", user_id)[0][:COMPARED]}
        for bundle in (ours, theirs)
    ]
    return len(named[0] & named[1]) / COMPARED
