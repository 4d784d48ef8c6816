"""Purchase lines that are lost on the way to training are noticed there."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from ml.bundle.champion import CHAMPION
from pipelines.defs.training.dataset import holds_what_the_champion_was_made_of, the_last_week_is_like_those_before
from tests.pipelines.conftest import CUT

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning")  # MLflow's


def without(training_set, share: float, *, days: int = 10_000):
    """The training set without a share of the lines of the last days."""
    is_lost = (pl.int_range(pl.len()) % 100 < 100 * share) & (pl.col("ordered_at") > CUT - timedelta(days=days))
    return replace(training_set, interactions=training_set.interactions.filter(~is_lost))


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(("share", "is_good"), [(0.05, True), (0.5, False)])
def test_where_half_of_what_the_champion_was_made_of_is_gone_nothing_is_trained(training_set, share, is_good):
    result = holds_what_the_champion_was_made_of(without(training_set, share), fewer=False)

    assert result.passed == is_good
    assert (result.description is None) == is_good


@pytest.mark.usefixtures("first")
def test_lines_that_were_taken_away_on_purpose_block_nothing(training_set):
    assert holds_what_the_champion_was_made_of(without(training_set, 0.5), fewer=True).passed


@pytest.mark.usefixtures("first")
def test_an_earlier_day_is_not_compared_with_a_champion_of_later_data(training_set):
    earlier = CUT - timedelta(days=90)
    backfilled = replace(
        training_set, cut=earlier, interactions=training_set.interactions.filter(pl.col("ordered_at") < earlier)
    )

    assert holds_what_the_champion_was_made_of(backfilled, fewer=False).passed


def test_without_a_champion_no_lines_are_missed(training_set, champion_file):
    (champion_file.parent / CHAMPION).unlink()

    assert holds_what_the_champion_was_made_of(without(training_set, 0.5), fewer=False).passed


@pytest.mark.parametrize(("share", "is_good"), [(0.3, True), (0.6, False)])
def test_a_last_week_with_less_than_half_the_lines_is_warned_of(training_set, share, is_good):
    result = the_last_week_is_like_those_before(without(training_set, share, days=7))

    assert result.passed == is_good
