"""Which days are judged on: the published figure's, and the gate's, which must not be the same."""

from datetime import datetime, timedelta

from ml.evaluation.split import WINDOW_DAYS

WINDOW = timedelta(days=WINDOW_DAYS)


def published_cut(data_cut: datetime, test_start: datetime | None) -> datetime:
    """Where the window of the published figures begins: at the test window that was agreed on, else 28 days ago."""
    if test_start is not None and test_start < data_cut:
        return test_start
    return data_cut - WINDOW


def gate_cut(data_cut: datetime, test_start: datetime | None) -> datetime:
    """Where the gate's window begins: the last 28 days, or the 28 before the published window where these would meet.

    Who chooses configurations on the published days can no longer report them. Earlier runs of the gate chose on
    earlier days, so of a window that rolls the published days must be the newest.
    """
    published = published_cut(data_cut, test_start)
    is_past = published + WINDOW <= data_cut - WINDOW
    return (data_cut if is_past else published) - WINDOW
