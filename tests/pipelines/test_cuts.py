"""The days that are judged on."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.cuts import WINDOW, gate_cut, published_cut

DATA_CUT = datetime(2026, 11, 24, tzinfo=UTC)
TEST_START = DATA_CUT - WINDOW


def test_published_figures_are_of_the_agreed_test_window():
    assert published_cut(DATA_CUT, TEST_START) == TEST_START


def test_without_an_agreed_window_the_last_four_weeks_are_the_test():
    assert published_cut(DATA_CUT, None) == DATA_CUT - WINDOW


def test_the_gate_judges_on_the_weeks_before_the_test_window():
    assert gate_cut(DATA_CUT, TEST_START) + WINDOW == TEST_START


def test_the_gate_judges_on_the_last_weeks_once_these_lie_behind_the_test_window():
    later = TEST_START + 2 * WINDOW + timedelta(days=1)

    assert gate_cut(later, TEST_START) == later - WINDOW


def test_the_gate_judges_on_the_weeks_before_the_last_ones_where_no_test_window_is_agreed():
    assert gate_cut(DATA_CUT, None) == DATA_CUT - 2 * WINDOW


@given(ahead=st.none() | st.integers(-200, 200))
def test_no_day_is_both_the_gates_and_published(ahead):
    test_start = None if ahead is None else DATA_CUT + timedelta(days=ahead)
    gate, published = gate_cut(DATA_CUT, test_start), published_cut(DATA_CUT, test_start)

    assert gate + WINDOW <= DATA_CUT
    assert gate + WINDOW <= published or published + WINDOW <= gate


@given(days=st.integers(0, 200))
def test_of_a_rolling_window_no_earlier_choice_saw_the_published_days(days):
    earlier = DATA_CUT - timedelta(days=days)

    assert gate_cut(earlier, None) + WINDOW <= published_cut(DATA_CUT, None)
