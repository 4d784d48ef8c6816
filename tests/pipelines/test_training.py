"""From a training set to the champion, and what keeps a bad bundle from becoming it."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from ml import tracking
from ml.bundle_files import read_manifest
from ml.champion import CHAMPION, Champion
from ml.evaluation.gate import Reason
from pipelines.day import Figures, Judgement, Passed
from pipelines.defs.training import checks
from pipelines.defs.training.bundle import bundle
from pipelines.defs.training.candidate import GATE, candidate
from pipelines.defs.training.champion import champion
from pipelines.defs.training.checks import WHOLE, judge
from pipelines.defs.training.evaluation import evaluation
from pipelines.settings import settings

pytestmark = [
    pytest.mark.usefixtures("first"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning"),  # MLflow's own
]
ASSETS = [candidate, evaluation, bundle, champion]
DAY, NEXT_DAY = "2026-11-01", "2026-11-02"
UNPOPULAR = {"repurchase": {"weights": {"popularity": -1}}}


def run(*keys: str, configuration: dict | None = None, day: str = DAY) -> dg.ExecuteInProcessResult:
    """Materialise assets of the training group by name, with their checks, for a day."""
    chosen = dg.AssetSelection.assets(*(["training", key] for key in keys))
    job = dg.define_asset_job("training", chosen)
    definitions = dg.Definitions(assets=ASSETS, jobs=[job], executor=dg.in_process_executor)
    config = {"ops": {"training__candidate": {"config": {"configuration": configuration or {}}}}}
    return definitions.resolve_job_def("training").execute_in_process(
        partition_key=None if keys == ("champion",) else day,
        run_config=config if "candidate" in keys else None,
        raise_on_error=False,
    )


def refused(result: dg.ExecuteInProcessResult) -> dict[str, dict]:
    """The checks that failed, with what they say."""
    return {
        evaluated.check_name: {name: value.value for name, value in evaluated.metadata.items()}
        for evaluated in result.get_asset_check_evaluations()
        if not evaluated.passed
    }


def said(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed."""
    failure = result.get_step_failure_events()[0].step_failure_data
    return str(failure.user_failure_data.description if failure.user_failure_data else failure.error)


@pytest.fixture(scope="module")
def first(training_set, state: Path) -> Champion:
    """The first champion, made by a whole run."""
    assert training_set.interactions.height
    assert run("candidate", "evaluation", "bundle", "champion").success
    made = Champion.read(state / "bundles")
    assert made is not None
    return made


@pytest.fixture
def champion_file(first, state: Path) -> Iterator[Path]:
    """The file that names the first champion; a test may change it."""
    file = state / "bundles" / CHAMPION
    yield file
    first.put(file.parent)


@pytest.fixture
def another_day(state: Path) -> Iterator[Path]:
    """The folder of the following day, with the first day's training set, judgement and figures."""
    following = state / "training" / NEXT_DAY
    shutil.copytree(state / "training" / DAY, following, ignore=shutil.ignore_patterns(Passed.file))
    yield following
    shutil.rmtree(following)


@pytest.fixture
def second(another_day: Path, state: Path) -> Iterator[Path]:
    """The files of a bundle of the following day, which passed its checks and is no champion yet."""
    result = run("bundle", day=NEXT_DAY)
    assert result.success
    files = state / "bundles" / Passed.read(another_day).bundle
    yield files
    shutil.rmtree(files)


def test_the_first_candidate_meets_popularity_and_becomes_the_champion(first, state):
    known = tracking.champion()

    assert known is not None
    assert known.bundle == first.bundle
    assert Judgement.read(state / "training" / DAY).reason == "not_worse"


def test_a_bundle_states_the_figures_of_its_own_configuration(first, state):
    manifest = read_manifest(state / "bundles" / first.bundle)

    assert manifest.metrics == Figures.read(state / "training" / DAY).metrics
    assert manifest.configuration == Figures.read(state / "training" / DAY).configuration


def test_mlflow_shows_the_figures_and_the_gates_interval():
    run_id = tracking.champion().run_id

    metrics = MlflowClient().get_run(run_id).data.metrics
    assert {"discover", "gate_discover_low", "gate_all_mean"} <= metrics.keys()


@pytest.mark.usefixtures("another_day")
def test_a_first_candidate_that_is_worse_than_popularity_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(settings(), "tanawari_bundles", tmp_path)

    result = run("candidate", "evaluation", "bundle", "champion", configuration=UNPOPULAR, day=NEXT_DAY)

    assert refused(result)[GATE]["reason"] == "worse"
    assert refused(result)[GATE]["opponent"] == "popularity"
    assert list(tmp_path.iterdir()) == []


BROKEN = {"als": {"regularisation": 1e-30, "alpha": 1e30}}


@pytest.mark.usefixtures("another_day")
@pytest.mark.parametrize(("configuration", "reason"), [(UNPOPULAR, "worse"), (BROKEN, "not_finite")])
def test_a_candidate_that_must_not_be_used_is_refused_and_the_champion_stays(
    first, state, configuration: dict, reason: str
):
    result = run("candidate", "evaluation", "bundle", "champion", configuration=configuration, day=NEXT_DAY)

    assert refused(result)[GATE]["reason"] == reason
    assert Champion.read(state / "bundles") == first
    assert [bundle.name for bundle in (state / "bundles").glob("*Z")] == [first.bundle]


def test_a_refused_candidate_gets_no_bundle_by_another_run_either(another_day):
    Judgement.read(another_day).model_copy(update={"accepted": False, "reason": Reason.WORSE}).put(another_day)

    assert "the candidate was refused: worse" in said(run("bundle", "champion", day=NEXT_DAY))


def test_a_bundle_is_not_made_with_another_configurations_figures(another_day):
    Figures(configuration={}, metrics={"all": 0.9}).put(another_day)

    assert "of another configuration" in said(run("bundle", day=NEXT_DAY))


def test_a_bundle_that_would_be_empty_is_refused_and_the_champion_stays(first, another_day, training_set, state):
    replace(training_set, items=training_set.items.with_columns(is_recommendable=False)).write(another_day)

    assert said(run("bundle", "champion", day=NEXT_DAY)).startswith("EMPTY")
    assert Champion.read(state / "bundles") == first


@pytest.mark.usefixtures("another_day")
def test_a_bundle_that_fails_a_check_cannot_become_the_champion_later(first, state, monkeypatch):
    monkeypatch.setattr(checks, "MAXIMUM_BYTES", 1)

    assert "size_is_bounded" in refused(run("bundle", day=NEXT_DAY))
    assert run("champion").success
    assert Champion.read(state / "bundles") == first


def test_a_champions_configuration_is_what_the_next_candidate_starts_from(champion_file, second, another_day):
    manifest = json.loads((second / "manifest.json").read_text())
    manifest["configuration"]["als"]["factors"] = 8
    (second / "manifest.json").write_text(json.dumps(manifest))
    Champion(bundle=second.name).put(champion_file.parent)

    assert run("candidate", configuration={"als": {"alpha": 2}}, day=NEXT_DAY).success

    als = Judgement.read(another_day).configuration["als"]
    assert (als["factors"], als["alpha"]) == (8, 2)


@pytest.mark.parametrize("file", ["manifest.json", "popularity.npy"])
def test_a_champion_that_cannot_be_read_blocks_nothing(champion_file, second, another_day, file: str):
    (second / file).unlink()
    Champion(bundle=second.name).put(champion_file.parent)

    assert run("candidate", "evaluation", "bundle", "champion", day=NEXT_DAY).success
    assert Champion.read(champion_file.parent).bundle == Passed.read(another_day).bundle != second.name


def test_a_configuration_that_is_not_known_fails_by_name():
    result = run("candidate", configuration={"als": {"factorz": 1}})

    assert not result.success
    assert "factorz" in str(result.failure_data_for_node("training__candidate"))


def break_hash(files: Path) -> None:
    """Alter one byte behind the manifest's back."""
    damaged = bytearray((files / "popularity.npy").read_bytes())
    damaged[-1] ^= 1
    (files / "popularity.npy").write_bytes(damaged)


def raise_version(files: Path) -> None:
    """Pretend that a later version wrote it."""
    manifest = json.loads((files / "manifest.json").read_text())
    (files / "manifest.json").write_text(json.dumps(manifest | {"formatVersion": 99}))


def lose_file(files: Path) -> None:
    """Take a file away."""
    (files / "popularity.npy").unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(break_hash, "BROKEN_HASH"), (raise_version, "UNKNOWN_VERSION"), (lose_file, "MISSING_FILE")],
)
def test_a_damaged_bundle_is_refused_with_its_reason_and_the_champion_stays(
    first, second, state, damage: Callable[[Path], None], reason: str
):
    damage(second)

    whole, *others = judge(second)

    assert whole.check_name == WHOLE
    assert whole.metadata["reason"].value == reason
    assert not any(result.passed for result in (whole, *others))
    assert said(run("champion")).startswith(reason)
    assert Champion.read(state / "bundles") == first


def test_where_no_bundle_has_passed_its_checks_there_is_no_champion_to_make(tmp_path, monkeypatch):
    monkeypatch.setattr(settings(), "tanawari_state", tmp_path)

    assert said(run("champion")).startswith("no day has a bundle that passed")


def test_a_bundle_that_was_rolled_back_does_not_come_back_by_itself(champion_file, second, first):
    Champion(bundle=first.bundle, previous=second.name).put(champion_file.parent)

    assert run("champion").success
    assert Champion.read(champion_file.parent).bundle == first.bundle


def test_a_bundle_of_older_data_than_the_champions_is_refused(champion_file, second, first):
    manifest = json.loads((champion_file.parent / first.bundle / "manifest.json").read_text())
    older = json.loads((second / "manifest.json").read_text()) | {"dataCut": "2020-01-01T00:00:00Z"}
    (second / "manifest.json").write_text(json.dumps(older))

    assert manifest["dataCut"] > older["dataCut"]
    assert said(run("champion")).startswith("older than the champion")


def test_a_run_that_broke_off_before_the_champion_was_named_does_not_register_twice(champion_file, second):
    assert run("champion").success
    version = tracking.version_of(second.name)
    champion_file.unlink()

    assert run("champion").success
    assert tracking.version_of(second.name) == version
