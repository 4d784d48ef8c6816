"""From a training set to the champion, and what keeps a bad bundle from becoming it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from ml import tracking
from ml.bundle import Champion
from pipelines.defs.training.bundle import bundle
from pipelines.defs.training.candidate import GATE, candidate
from pipelines.defs.training.champion import champion
from pipelines.defs.training.checks import WHOLE, judge
from pipelines.defs.training.evaluation import evaluation

pytestmark = [
    pytest.mark.usefixtures("training_set"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning"),  # MLflow's own
]
ASSETS = [evaluation, candidate, bundle, champion]
DAY = "2026-11-01"


def run(*keys: str, configuration: dict | None = None) -> dg.ExecuteInProcessResult:
    """Materialise assets of the training group by name, with their checks, for the day of the training set."""
    chosen = dg.AssetSelection.assets(*(["training", key] for key in keys))
    job = dg.define_asset_job("training", chosen)
    definitions = dg.Definitions(assets=ASSETS, jobs=[job], executor=dg.in_process_executor)
    config = {"ops": {"training__candidate": {"config": {"configuration": configuration or {}}}}}
    return definitions.resolve_job_def("training").execute_in_process(
        partition_key=DAY, run_config=config if "candidate" in keys else None, raise_on_error=False
    )


def refused(result: dg.ExecuteInProcessResult) -> dict[str, dict]:
    """The checks that failed, with what they say."""
    return {
        evaluated.check_name: {name: value.value for name, value in evaluated.metadata.items()}
        for evaluated in result.get_asset_check_evaluations()
        if not evaluated.passed
    }


@pytest.fixture(scope="module")
def first(training_set, state: Path) -> Champion:
    """The first champion, made by a whole run."""
    assert training_set.interactions.height
    assert run("evaluation", "candidate", "bundle", "champion").success
    made = Champion.read(state / "bundles")
    assert made is not None
    return made


def test_the_first_candidate_meets_popularity_and_becomes_the_champion(first, state):
    known = tracking.champion()

    assert known is not None
    assert known.bundle == first.bundle
    assert json.loads((state / "training" / DAY / "candidate.json").read_text())["reason"] == "not_worse"


def test_a_candidate_that_is_worse_is_refused_and_the_champion_stays(first, state):
    worse = {"repurchase": {"weights": {"popularity": 1}}}

    result = run("candidate", "bundle", "champion", configuration=worse)

    assert refused(result)[GATE]["reason"] == "worse"
    assert Champion.read(state / "bundles") == first
    assert len(list((state / "bundles").glob("*Z"))) == 1


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
def test_a_damaged_bundle_is_refused_with_its_reason(
    first, state, tmp_path, damage: Callable[[Path], None], reason: str
):
    files = shutil.copytree(state / "bundles" / first.bundle, tmp_path / first.bundle)
    damage(files)

    whole, *others = judge(files)

    assert whole.check_name == WHOLE
    assert whole.metadata["reason"].value == reason
    assert not any(result.passed for result in (whole, *others))
