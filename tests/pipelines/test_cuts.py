"""The days that are judged on."""

from datetime import UTC, datetime, timedelta

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


def test_the_gate_judges_on_the_last_weeks_where_no_test_window_is_agreed():
    assert gate_cut(DATA_CUT, None) == DATA_CUT - WINDOW
