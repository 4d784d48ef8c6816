import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ml import tracking

# MLflow's own mappers use what SQLAlchemy 2.1 deprecates; nothing of ours touches them.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_store: Callable[[Path], str]) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run_id(tmp_path: Path) -> str:
    bundle = tmp_path / "some-bundle"
    bundle.mkdir()
    (bundle / "manifest.json").write_text("{}")
    parameters = {"als": {"factors": 128}, "cut": "2017-12-04"}
    return tracking.log_run("first", parameters, {"discover": 0.052}, {tracking.BUNDLE: bundle})


def test_a_run_keeps_parameters_metrics_and_the_bundle(run_id: str) -> None:
    client = MlflowClient()
    run = client.get_run(run_id)

    assert run.info.status == "FINISHED"
    assert run.data.params == {"als.factors": "128", "cut": "2017-12-04"}
    assert run.data.metrics == {"discover": 0.052}
    assert [file.path for file in client.list_artifacts(run_id, tracking.BUNDLE)] == ["bundle/manifest.json"]


def test_a_run_that_could_not_be_logged_is_marked_failed(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        tracking.log_run("broken", {}, {}, {"report": tmp_path / "missing"})

    experiment = MlflowClient().get_experiment_by_name(tracking.EXPERIMENT)
    assert [run.info.status for run in MlflowClient().search_runs([experiment.experiment_id])] == ["FAILED"]


def test_a_bundle_that_is_forgotten_leaves_its_run_with_what_it_says(run_id: str) -> None:
    client = MlflowClient()
    tracking.register(run_id, "bundle-1", "{}")

    tracking.forget("bundle-1")
    tracking.forget("bundle-1")

    with pytest.raises(LookupError):
        tracking.version_of("bundle-1")
    assert client.list_artifacts(run_id, tracking.BUNDLE) == []
    assert client.get_run(run_id).data.metrics == {"discover": 0.052}


def test_there_is_no_champion_before_the_first_promotion(run_id: str) -> None:
    assert tracking.champion() is None

    tracking.register(run_id, "bundle-1", "{}")

    assert tracking.champion() is None


def test_the_promoted_version_is_the_champion(run_id: str) -> None:
    configuration = json.dumps({"als": {"factors": 128}})
    first = tracking.register(run_id, "bundle-1", configuration)
    second = tracking.register(run_id, "bundle-2", configuration)

    tracking.promote(second)
    assert tracking.champion() == tracking.RegisteredBundle(second, run_id, "bundle-2", configuration)

    tracking.promote(first)
    assert tracking.champion() == tracking.RegisteredBundle(first, run_id, "bundle-1", configuration)
