"""From an accepted configuration to the champion, and what keeps a bad bundle from becoming it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ml import tracking
from ml.bundle.champion import Champion
from ml.bundle.files import read_manifest
from pipelines.day import Figures, Judgement
from pipelines.defs.training import checks
from pipelines.defs.training.checks import WHOLE, run_all
from pipelines.training_set import TrainingSet
from tests.pipelines.training_runs import DAY, NEXT_DAY, refused, run, said

pytestmark = [
    pytest.mark.usefixtures("first"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning"),  # MLflow's own
]


def test_a_bundle_states_the_figures_of_its_own_configuration(first, state):
    manifest = read_manifest(state / "bundles" / first.bundle)

    assert manifest.metrics == Figures.read(state / "training" / DAY).metrics
    assert manifest.configuration == Figures.read(state / "training" / DAY).configuration


def test_mlflow_shows_the_figures_and_the_gates_interval():
    run_id = tracking.champion().run_id

    metrics = MlflowClient().get_run(run_id).data.metrics
    assert {"all", "gate_popularity_all_low", "gate_popularity_all_detectable"} <= metrics.keys()


def test_a_bundle_is_not_made_with_another_configurations_figures(another_day):
    Figures(configuration={}, data="", metrics={"all": 0.9}, shelves={}).put(another_day)

    assert "of another configuration" in said(run("bundle", day=NEXT_DAY))


def test_a_bundle_that_would_be_empty_is_refused_and_the_champion_stays(first, another_day, training_set, state):
    replace(training_set, items=training_set.items.with_columns(is_recommendable=False)).write(another_day)
    for file in (Judgement, Figures):
        file.read(another_day).model_copy(update={"data": TrainingSet.hash_of(another_day)}).put(another_day)

    assert said(run("bundle", "champion", day=NEXT_DAY)).startswith("EMPTY")
    assert Champion.read(state / "bundles") == first


@pytest.mark.usefixtures("another_day")
def test_a_bundle_that_fails_a_check_cannot_become_the_champion_later(first, state, monkeypatch):
    monkeypatch.setattr(checks, "MAXIMUM_BYTES", 1)

    assert "size_is_bounded" in refused(run("bundle", day=NEXT_DAY))
    assert run("champion").success
    assert Champion.read(state / "bundles") == first


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

    whole, *others = run_all(second)

    assert whole.check_name == WHOLE
    assert whole.metadata["reason"].value == reason
    assert not any(result.passed for result in (whole, *others))
    assert said(run("champion")).startswith(reason)
    assert Champion.read(state / "bundles") == first


def test_where_no_bundle_has_passed_its_checks_there_is_no_champion_to_make(tmp_path, tell):
    tell("TANAWARI_STATE", tmp_path)

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
    before = champion_file.read_bytes()
    assert run("champion").success
    version = tracking.version_of(second.name)
    champion_file.write_bytes(before)

    assert run("champion").success
    assert tracking.version_of(second.name) == version


@pytest.mark.usefixtures("second")
def test_a_bundle_that_was_judged_beside_another_champion_is_refused(champion_file, first):
    Champion(bundle="somebody-elses").put(champion_file.parent)

    found = said(run("champion"))

    assert f"was judged while {first.bundle} was in use, and now somebody-elses is" in found
    assert Champion.read(champion_file.parent) == Champion(bundle="somebody-elses")


def test_a_bundle_of_other_data_than_the_gate_judged_on_is_refused(champion_file, second, first):
    other = json.loads((second / "manifest.json").read_text()) | {"dataHash": "0" * 64}
    (second / "manifest.json").write_text(json.dumps(other))

    assert "made of other data than the gate judged on" in said(run("champion"))
    assert Champion.read(champion_file.parent) == first
