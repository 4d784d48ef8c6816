from datetime import UTC, datetime, timedelta

import pytest

from services.analytics.clocks import Clocks

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "offset"),
    [
        (timedelta(0), 0),
        (timedelta(seconds=-20), 0),  # the way here
        (timedelta(minutes=6, seconds=3), -360),
        (timedelta(hours=-9), 9 * 3_600),
        (timedelta(days=-1), 86_400),
        (timedelta(days=-2), 0),
        (timedelta(days=366), 0),
    ],
)
def test_a_clock_is_corrected_by_whole_minutes_and_by_a_day_at_most(ahead, offset):
    assert Clocks.of(NOON, NOON + ahead).offset == offset


def test_sent_again_with_a_new_stamp_an_action_bears_the_same_time():
    ahead, told = timedelta(minutes=6), NOON + timedelta(minutes=5)
    times = {
        Clocks.of(NOON + later, NOON + later + ahead - way).happened_at(told, is_trusted=False)
        for later in (timedelta(0), timedelta(hours=1))
        for way in (timedelta(0), timedelta(seconds=9))
    }
    assert times == {NOON - timedelta(minutes=1)}
