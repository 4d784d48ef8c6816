"""What is kept and what is thrown away."""

import dagster as dg
import pytest

from ml import tracking
from ml.bundle.champion import Champion
from pipelines.defs.maintenance.assets import disk
from pipelines.housekeeping import KEPT_BUNDLES, KEPT_DAYS, drop_old_bundles, drop_old_days

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning")  # MLflow's


@pytest.mark.usefixtures("state")
def test_the_newest_bundles_the_champion_and_the_one_before_it_stay(tmp_path):
    names = [f"2026110{number}T030000Z" for number in range(KEPT_BUNDLES + 4)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").touch()
    (tmp_path / ".half-written").mkdir()

    dropped = drop_old_bundles(tmp_path, Champion(bundle=names[2], previous=names[0]))

    assert sorted(dropped) == [names[1], names[3]]
    assert {path.name for path in tmp_path.iterdir()} == {*names, ".half-written"} - set(dropped)


@pytest.mark.usefixtures("state")
def test_a_bundle_that_is_dropped_is_no_version_to_go_back_to(tmp_path):
    names = [f"b{number}" for number in range(KEPT_BUNDLES + 2)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").touch()
    run_id = tracking.log_run("b0", {}, {"all": 0.4}, {tracking.BUNDLE: tmp_path / "b0"})
    tracking.register(run_id, "b0", "{}")

    drop_old_bundles(tmp_path, Champion(bundle=names[-1]))

    with pytest.raises(LookupError):
        tracking.version_of("b0")


def test_a_shop_without_a_champion_has_nothing_to_throw_away(state):
    assert dg.materialize([disk]).success
    assert not (state / "bundles").exists()


def test_the_newest_days_stay(tmp_path):
    days = [f"2026-11-{number:02}" for number in range(1, KEPT_DAYS + 3)]
    for day in days:
        (tmp_path / day / "dataset").mkdir(parents=True)

    assert sorted(drop_old_days(tmp_path)) == days[:2]
    assert sorted(path.name for path in tmp_path.iterdir()) == days[2:]
