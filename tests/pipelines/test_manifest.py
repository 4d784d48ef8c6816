"""When the dbt project is parsed again for Dagster, and what a command finds of it."""

import os
import shutil
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.defs.transformation.project import PARSED, Dbt, newest_source, work_folder

FILES = ("dbt_project.yml", "models/core/orders.sql", "macros/rules.sql", "seeds/rules.csv", "tests/orders.sql")
LONG_AGO = 1_000


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project that nobody has changed for long."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for path in tmp_path.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_makes_the_manifest_old(project: Path, name: str):
    (project / name).touch()
    assert newest_source(project) > LONG_AGO


def test_a_removed_model_makes_the_manifest_old(project: Path):
    (project / "models/core/orders.sql").unlink()
    assert newest_source(project) > LONG_AGO


def test_a_project_without_changes_keeps_its_manifest(project: Path):
    assert newest_source(project) == LONG_AGO


def test_a_command_finds_what_was_parsed_for_dagster_until_it_has_newer_of_its_own(tmp_path: Path):
    (tmp_path / PARSED).write_text("parsed")
    made = SimpleNamespace(manifest_path=tmp_path / "manifest.json")
    own = work_folder(made, "build") / PARSED
    assert own.read_text() == "parsed"
    own.write_text("newer")
    os.utime(tmp_path / PARSED, (LONG_AGO, LONG_AGO))
    assert (work_folder(made, "build") / PARSED).read_text() == "newer"
    (tmp_path / PARSED).write_text("anew")
    os.utime(own, (LONG_AGO, LONG_AGO))
    assert (work_folder(made, "build") / PARSED).read_text() == "anew"


def test_dbt_is_not_run_for_its_version():
    dbt = Dbt(project_dir=str(Path(__file__).parents[2] / "dbt"), dbt_executable=shutil.which("false"))
    assert str(dbt._cli_version) == version("dbt-core")
