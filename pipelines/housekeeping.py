"""What is thrown away, lest every night cost a bundle's disk for ever."""

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
    """Remove bundles, here and in MLflow, but the newest, the champion's and the one before it; returns their names.

    A process that has one open keeps its pages. What MLflow knows of how it was made and how good it was stays.
    """
    newest_first = sorted((path.parent.name for path in bundles.glob(f"[!.]*/{MANIFEST}")), reverse=True)
    old = [name for name in newest_first[KEPT_BUNDLES:] if name not in (champion.bundle, champion.previous)]
    for name in old:
        tracking.forget(name)
        shutil.rmtree(bundles / name)
    for draft in bundles.glob(".*/"):  # of a writer that was killed
        if time.time() - draft.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(draft)
    return old


def drop_old_days(training: Path) -> list[str]:
    """Remove the training sets and reports of all but the newest days; returns the days."""
    old = sorted((path.name for path in training.glob("[!.]*") if path.is_dir()), reverse=True)[KEPT_DAYS:]
    for day in old:
        shutil.rmtree(training / day)
    return old
