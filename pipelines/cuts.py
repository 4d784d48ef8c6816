"""The evaluation windows: of the published figures, and of the gate, which must not overlap."""

from datetime import datetime, timedelta

from ml.evaluation.split import WINDOW_DAYS

WINDOW = timedelta(days=WINDOW_DAYS)


def published_cut(last_purchase: datetime, test_start: datetime | None) -> datetime:
    """Start of the published window: the configured test window, else 28 days ago."""
    if test_start is not None and test_start < last_purchase:
        return test_start
    return last_purchase - WINDOW


def gate_cut(last_purchase: datetime, test_start: datetime | None) -> datetime:
    """Start of the gate's window: the last 28 days, or the 28 days before the published window if these would overlap.

    Days on which configurations are chosen cannot be published. Earlier runs of the gate chose on earlier days, so with
    a rolling window the published days must be the newest.
    """
    published = published_cut(last_purchase, test_start)
    is_past = published + WINDOW <= last_purchase - WINDOW
    return (last_purchase if is_past else published) - WINDOW
