"""When the dbt project is parsed again for Dagster."""

import os
from pathlib import Path

import pytest

from pipelines.defs.transformation.project import newest_source

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
