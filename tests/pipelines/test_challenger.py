"""Which configurations may replace the champion's, and what is said of those that may not."""

import json
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from mlflow import MlflowClient

from ml import tracking
from ml.bundle.champion import Champion
from ml.bundle.content import ACTIVITY
from ml.evaluation.gate import Reason
from pipelines.day import Figures, Judgement, Passed
from pipelines.defs.training.challenger import GATE
from tests.pipelines.conftest import CUT
from tests.pipelines.training_runs import DAY, NEXT_DAY, refused, run, said

pytestmark = [
    pytest.mark.usefixtures("first"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning"),  # MLflow's own
]
UNPOPULAR = {"repurchase": {"weights": {"popularity": -1}}}
BROKEN = {"als": {"regularisation": 1e-30, "alpha": 1e30}}


def test_the_first_challenger_meets_popularity_and_becomes_the_champion(first, state):
    known = tracking.champion()

    assert known is not None
    assert known.bundle == first.bundle
    judgement = Judgement.read(state / "training" / DAY)
    assert judgement.decision.reason == "not_worse"
    assert {it.opponent for it in judgement.decision.comparisons} == {"popularity"}


@pytest.mark.usefixtures("another_day")
def test_a_first_challenger_that_is_worse_than_popularity_is_refused(tmp_path, tell):
    tell("TANAWARI_BUNDLES", tmp_path)

    result = run("challenger", "evaluation", "bundle", "champion", configuration=UNPOPULAR, day=NEXT_DAY)

    assert refused(result)[GATE]["reason"] == "worse"
    assert refused(result)[GATE]["opponents"] == "popularity"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("another_day")
@pytest.mark.parametrize(("configuration", "reason"), [(UNPOPULAR, "worse"), (BROKEN, "not_finite")])
def test_a_challenger_that_must_not_be_used_is_refused_and_the_champion_stays(
    first, state, configuration: dict, reason: str
):
    result = run("challenger", "evaluation", "bundle", "champion", configuration=configuration, day=NEXT_DAY)

    assert refused(result)[GATE]["reason"] == reason
    assert Champion.read(state / "bundles") == first
    assert [bundle.name for bundle in (state / "bundles").glob("*Z")] == [first.bundle]


@pytest.mark.usefixtures("another_day")
def test_mlflow_shows_why_a_challenger_was_refused():
    run("challenger", configuration=UNPOPULAR, day=NEXT_DAY)

    experiment = MlflowClient().get_experiment_by_name(tracking.EXPERIMENT)
    newest = MlflowClient().search_runs([experiment.experiment_id], max_results=1)[0]
    assert newest.data.params["decision"] == "worse"
    assert newest.data.metrics["gate_popularity_all_high"] < 0
    assert newest.data.metrics["gate_champion_all_high"] < 0
    assert newest.data.metrics["gate_champion_all_users"] == 40


def test_a_refused_challenger_gets_no_bundle_by_another_run_either(another_day):
    judgement = Judgement.read(another_day)
    refusal = replace(judgement.decision, accepted=False, reason=Reason.WORSE)
    judgement.model_copy(update={"decision": refusal}).put(another_day)

    assert "the challenger was refused: worse" in said(run("bundle", "champion", day=NEXT_DAY))


def test_a_verdict_on_another_training_set_makes_no_figures_and_no_bundle(first, another_day, training_set, state):
    interactions = training_set.interactions
    replace(training_set, interactions=interactions.head(interactions.height - 1)).write(another_day)

    for key in ("evaluation", "bundle"):
        assert "judged on another training set" in said(run(key, day=NEXT_DAY))
    assert Champion.read(state / "bundles") == first


@pytest.mark.usefixtures("another_day")
def test_the_gate_shows_opponents_users_and_power():
    result = run("challenger", configuration=UNPOPULAR, day=NEXT_DAY)

    told = refused(result)[GATE]
    assert told["opponents"] == "popularity, champion"
    assert "| champion | all | 40 |" in told["compared"]
    assert "in all against champion" in told["detail"]


def test_a_champions_configuration_is_what_the_next_challenger_starts_from(champion_file, second, another_day):
    manifest = json.loads((second / "manifest.json").read_text())
    manifest["configuration"]["als"]["factors"] = 8
    (second / "manifest.json").write_text(json.dumps(manifest))
    Champion(bundle=second.name).put(champion_file.parent)

    assert run("challenger", configuration={"als": {"alpha": 2}}, day=NEXT_DAY).success

    als = Judgement.read(another_day).configuration["als"]
    assert (als["factors"], als["alpha"]) == (8, 2)


@pytest.mark.parametrize("damaged", ["{", '{"formatVersion": 99}', None])
def test_a_champion_that_cannot_be_read_is_not_replaced_unseen(champion_file, second, damaged: str | None):
    (second / "manifest.json").unlink()
    if damaged:
        (second / "manifest.json").write_text(damaged)
    Champion(bundle=second.name).put(champion_file.parent)

    result = run("challenger", "evaluation", "bundle", "champion", day=NEXT_DAY)

    assert "the champion cannot be read" in said(result)
    assert "remove champion.json to start over" in said(result)
    assert Champion.read(champion_file.parent).bundle == second.name


def test_a_champion_without_some_of_its_lists_is_compared_by_its_configuration(champion_file, second, another_day):
    (second / "popularity.npy").unlink()
    Champion(bundle=second.name).put(champion_file.parent)

    assert run("challenger", "evaluation", "bundle", "champion", day=NEXT_DAY).success
    assert Champion.read(champion_file.parent).bundle == Passed.read(another_day).bundle != second.name


def test_where_the_champions_files_are_gone_the_shop_starts_over(champion_file, another_day):
    Champion(bundle="gone").put(champion_file.parent)

    assert run("challenger", "evaluation", "bundle", "champion", day=NEXT_DAY).success
    assert Champion.read(champion_file.parent).bundle == Passed.read(another_day).bundle


def test_a_click_long_after_the_last_order_hides_no_order_from_the_gate(another_day, training_set):
    click = ("anon:visitor", 1, "VIEW", CUT + timedelta(days=90), None, None)
    replace(training_set, activity=pl.DataFrame([click], schema=ACTIVITY, orient="row")).write(another_day)

    assert run("challenger", "evaluation", day=NEXT_DAY).success

    assert Judgement.read(another_day).decision.reason == Reason.NOT_WORSE
    assert Figures.read(another_day).metrics["all"] > 0


def test_a_configuration_that_is_not_known_fails_by_name():
    result = run("challenger", configuration={"als": {"factorz": 1}})

    assert not result.success
    assert "factorz" in str(result.failure_data_for_node("training__challenger"))
