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
    """Where the gate's window begins: the last 28 days, or the 28 before the test window where these would touch it.

    Who chooses configurations on the test window can no longer report it.
    """
    end = data_cut
    if test_start is not None and data_cut - WINDOW < test_start + WINDOW:
        end = min(data_cut, test_start)
    return end - WINDOW
