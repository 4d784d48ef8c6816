"""A shop of a few days: what is popular is served with the reason, until there is enough to learn from."""

from dataclasses import replace
from datetime import timedelta

import pytest
from mlflow import MlflowClient

from ml import tracking
from ml.bundle.champion import Champion
from ml.bundle.files import read_manifest
from pipelines.day import Judgement
from pipelines.defs.training.challenger import GATE
from pipelines.defs.training.evaluation import REPORT
from tests.pipelines.conftest import CUT
from tests.pipelines.training_runs import DAY, NEXT_DAY, refused, run

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning")  # MLflow's
UNPOPULAR = {"repurchase": {"weights": {"popularity": -1}}}


@pytest.fixture(scope="module")
def opened(training_set, state):
    """The champion of a shop that opened a fortnight ago, and the run that made it."""
    fortnight = training_set.interactions.filter(training_set.interactions["ordered_at"] > CUT - timedelta(days=14))
    replace(training_set, interactions=fortnight).write(state / "training" / DAY)
    result = run("challenger", "evaluation", "bundle", "champion")
    return Champion.read(state / "bundles"), result


def test_a_shop_of_a_fortnight_has_a_champion_that_says_why_it_is_popularity(opened, state):
    champion, result = opened

    because = read_manifest(state / "bundles" / champion.bundle).popularity_because

    assert result.success
    assert because.startswith("there is nothing to compare")
    assert MlflowClient().get_run(tracking.champion().run_id).data.params["popularity_because"] == because


def test_the_gate_and_the_report_say_it_too(opened, state):
    _, result = opened

    gate = next(each for each in result.get_asset_check_evaluations() if each.check_name == GATE)

    assert (
        gate.metadata["popularity_because"].value
        == Judgement.read(state / "training" / DAY).decision.popularity_because
    )
    assert "nothing to compare" in (state / "training" / DAY / REPORT / "report.html").read_text()


def test_what_was_asked_for_and_is_worse_is_refused_all_the_same(opened, training_set, state):
    champion, _ = opened
    training_set.write(state / "training" / NEXT_DAY)

    result = run("challenger", configuration=UNPOPULAR, day=NEXT_DAY)

    assert refused(result)[GATE]["reason"] == "worse"
    assert Champion.read(state / "bundles") == champion


def test_when_there_is_enough_to_learn_from_the_models_take_over(opened, training_set, state):
    champion, _ = opened
    training_set.write(state / "training" / NEXT_DAY)

    assert run("challenger", "evaluation", "bundle", "champion", day=NEXT_DAY).success

    after = Champion.read(state / "bundles")
    manifest = read_manifest(state / "bundles" / after.bundle)
    assert after.bundle != champion.bundle
    assert manifest.popularity_because is None
    assert manifest.metrics["all"] > 0
    assert manifest.shelves["REPURCHASE"]["first_6"]["shown"]["window"] > 0
