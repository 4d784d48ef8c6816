"""Deletes old bundles and training sets, so that the disk does not fill up."""

import shutil
import time
from pathlib import Path

from ml import tracking
from ml.bundle.champion import Champion
from ml.bundle.files import MANIFEST

KEPT_BUNDLES = 5
KEPT_DAYS = 14
ABANDONED_SECONDS = 24 * 60 * 60


def drop_old_bundles(bundles: Path, champion: Champion) -> list[str]:
    """Delete bundles, here and in MLflow, except the newest, the champion's and the previous one; returns their names.

    A process that has one open keeps its pages. MLflow keeps the runs with parameters and metrics.
    """
    newest_first = sorted((path.parent.name for path in bundles.glob(f"[!.]*/{MANIFEST}")), reverse=True)
    old = [name for name in newest_first[KEPT_BUNDLES:] if name not in (champion.bundle, champion.previous)]
    for name in old:
        tracking.forget(name)
        shutil.rmtree(bundles / name)
    for draft in bundles.glob(".*/"):  # left by a killed writer
        if time.time() - draft.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(draft)
    return old


def drop_old_days(training: Path) -> list[str]:
    """Delete the training sets and reports of all but the newest days; returns the days."""
    old = sorted((path.name for path in training.glob("[!.]*") if path.is_dir()), reverse=True)[KEPT_DAYS:]
    for day in old:
        shutil.rmtree(training / day)
    return old
