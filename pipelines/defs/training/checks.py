"""The checks of a bundle before it may become the champion."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import dagster as dg
import numpy as np

from ml import columns as c
from ml.bundle.bundle import Bundle, BundleError, Champion
from ml.evaluation.metrics import least_coverage
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import Rules, Shopper, compose
from pipelines.settings import settings

MINIMUM_FULL_LISTS = 0.95
MINIMUM_OVERLAP = 0.2
MAXIMUM_BYTES = 4 * 1024**3
MAXIMUM_P99_MS = 50
SAMPLE = 300
COMPARED = 10

WHOLE = "files_are_whole_and_finite"


def lists_reach_users_and_items(bundle: Bundle) -> dg.AssetCheckResult:
    """Nearly every user has a list that fills a shelf, and the lists differ, unless the bundle is popularity."""
    items = bundle.content.items
    wanted = max(1, min(Rules.load().limit, int((items["is_active"] & items["is_recommendable"]).sum()) // 2))
    firsts = {source: ranked.items[:, :wanted] for source, ranked in bundle.content.candidates.items()}
    full = {source: float((first >= 0).all(axis=1).mean()) for source, first in firsts.items()}
    coverage = {source: len(np.unique(first[first >= 0])) / items.height for source, first in firsts.items()}
    least = 0 if bundle.manifest.popularity_because else least_coverage(len(bundle.user_rows), items.height, wanted)
    return dg.AssetCheckResult(  # a source without any list was refused when the bundle was opened
        passed=full[c.REPURCHASE] >= MINIMUM_FULL_LISTS and all(share >= least for share in coverage.values() if share),
        metadata={"full_lists": dg.MetadataValue.json(full), "coverage": dg.MetadataValue.json(coverage)},
    )


def pages_are_made_in_time(bundle: Bundle) -> dg.AssetCheckResult:
    """Complete pages of sampled users are composed in milliseconds of CPU time.

    Wall-clock time would refuse a good bundle because the machine was busy.
    """
    catalogue, rules, now = Catalogue(bundle), Rules.load(), datetime.now(settings().timezone)
    users = list(bundle.user_rows)
    milliseconds = []
    compose(bundle, catalogue, rules, Shopper(users[0]), now)  # builds what the first request of a process waits for
    for user_id in users[:: max(1, len(users) // SAMPLE)]:
        started = time.thread_time()
        compose(bundle, catalogue, rules, Shopper(user_id), now)
        milliseconds.append((time.thread_time() - started) * 1000)
    p50, p99 = np.quantile(milliseconds, [0.5, 0.99])
    return dg.AssetCheckResult(
        passed=bool(p99 <= MAXIMUM_P99_MS), metadata={"p50_ms": float(p50), "p99_ms": float(p99)}
    )


def size_is_bounded(bundle: Bundle) -> dg.AssetCheckResult:
    """A worker maps the whole bundle, and the disk must hold several."""
    size = sum(file.stat().st_size for file in (settings().bundles / bundle.manifest.bundle).iterdir())
    return dg.AssetCheckResult(passed=size <= MAXIMUM_BYTES, metadata={"megabytes": size / 1e6})


def lists_agree_with_the_champions(bundle: Bundle) -> dg.AssetCheckResult:
    """The recommendations have not changed completely; a warning only, because a new model may differ."""
    overlap = 1.0
    try:
        champion = Champion.read(settings().bundles)
        if champion is not None:
            theirs = Bundle.open(settings().bundles / champion.bundle)
            both = theirs.user_rows.keys() & bundle.user_rows.keys()
            overlap = float(np.mean([_overlap(bundle, theirs, user_id) for user_id in both] or [1]))
    except BundleError as error:  # a broken champion must not block the new bundle
        return dg.AssetCheckResult(passed=False, metadata={"champion": f"{error.reason}: {error}"})
    return dg.AssetCheckResult(passed=overlap >= MINIMUM_OVERLAP, metadata={"overlap": overlap})


BLOCKING: dict[str, Callable[[Bundle], dg.AssetCheckResult]] = {
    check.__name__: check for check in (lists_reach_users_and_items, pages_are_made_in_time, size_is_bounded)
}
WARNING = {lists_agree_with_the_champions.__name__: lists_agree_with_the_champions}


def specs(asset: list[str]) -> list[dg.AssetCheckSpec]:
    """The checks in Dagster."""
    whole = (
        "It opens as serving opens it: known version, right hashes and shapes, no NaN, not empty, all sources there."
    )
    blocking = {WHOLE: whole} | {name: check.__doc__ for name, check in BLOCKING.items()}
    return [
        *(dg.AssetCheckSpec(name, asset=asset, blocking=True, description=text) for name, text in blocking.items()),
        *(dg.AssetCheckSpec(name, asset=asset, description=check.__doc__) for name, check in WARNING.items()),
    ]


def run_all(directory: Path) -> list[dg.AssetCheckResult]:
    """Evaluate all checks of one written bundle."""
    try:
        bundle = Bundle.open(directory, Rules.load().candidate_sources())
    except BundleError as error:
        reasons = {"reason": error.reason, "detail": str(error)}
        return [
            dg.AssetCheckResult(passed=False, check_name=name, metadata=reasons)
            for name in (WHOLE, *BLOCKING, *WARNING)
        ]
    return [
        dg.AssetCheckResult(passed=True, check_name=WHOLE),
        *(check(bundle)._replace(check_name=name) for name, check in BLOCKING.items()),
        *(
            check(bundle)._replace(check_name=name, severity=dg.AssetCheckSeverity.WARN)
            for name, check in WARNING.items()
        ),
    ]


def nothing_blocks(results: Iterable[dg.AssetCheckResult]) -> bool:
    """Whether no blocking check has failed."""
    return all(result.passed or result.check_name in WARNING for result in results)


def _overlap(ours: Bundle, theirs: Bundle, user_id: str) -> float:
    """Share of the user's first products in the champion's discover list that are in ours too."""
    named = [
        set(bundle.content.items["product_id"].gather(bundle.candidates(c.DISCOVER, user_id)[0][:COMPARED]).to_list())
        for bundle in (ours, theirs)
    ]
    return len(named[0] & named[1]) / len(named[1]) if named[1] else 1.0
