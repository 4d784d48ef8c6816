"""The dbt project, with a manifest that tells Dagster its models."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Self

from dagster_dbt import DbtCliResource, DbtProject
from packaging.version import Version

from pipelines.dbt import FOLDER, PROGRAM, dbt_variables

PARSED = "partial_parse.msgpack"
"""The project as dbt has parsed it; with one that it cannot read it parses anew."""
NOWHERE = "postgresql://tanawari_dbt@127.0.0.1:5432/warehouse"
"""Enough to look at the definitions with; a run needs the variable."""


class Dbt(DbtCliResource):
    """dbt's command. dagster-dbt would run it once more for its version, which takes seconds and asks PyPI."""

    @classmethod
    def of(cls, project: DbtProject) -> Self:
        """The command on a project."""
        return cls(project_dir=project, dbt_executable=PROGRAM)  # type: ignore[arg-type]  # mypy expects a path

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))


def prepared_project() -> DbtProject:
    """The project with a manifest newer than every file it is made from.

    Several processes load the definitions at once when the stack starts: one of them parses (4 s), the others wait.
    What it has parsed stays beside the manifest, for the commands that follow.
    """
    variables = dbt_variables(os.environ.get("WAREHOUSE_DBT_URL", NOWHERE))
    os.environ.update({"TANAWARI_SCHEMA_SUFFIX": "", **variables})  # as in a run: else dbt parses all anew
    target = Path("target") / variables["WAREHOUSE_DBT_DBNAME"]  # a manifest names the database that it is for
    project = DbtProject(project_dir=FOLDER, profiles_dir=FOLDER, target_path=target)
    manifest = project.manifest_path
    manifest.parent.mkdir(parents=True, exist_ok=True)
    with (manifest.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = [manifest.with_name(PARSED), manifest]
        if not all(file.exists() for file in kept) or manifest.stat().st_mtime < newest_source(FOLDER):
            with tempfile.TemporaryDirectory(dir=manifest.parent) as parsed:
                Dbt.of(project).cli(["parse", "--quiet"], target_path=Path(parsed)).wait()
                for file in kept:
                    (Path(parsed) / file.name).replace(file)
    return project


def work_folder(project: DbtProject, name: str) -> Path:
    """The target folder for a dbt command on the warehouse of `WAREHOUSE_DBT_URL`, in which dbt need not parse again.

    It is the same each time. `build` is used within a run, of which there is one at a time.
    """
    variables = dbt_variables(os.environ.get("WAREHOUSE_DBT_URL", NOWHERE))
    server = [variables[f"WAREHOUSE_DBT_{part}"] for part in ("HOST", "PORT", "USER")]  # another is parsed anew
    folder = project.manifest_path.parent / f"{name}-{hashlib.sha256(repr(server).encode()).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    parsed, own = project.manifest_path.with_name(PARSED), folder / PARSED
    if not own.exists() or own.stat().st_mtime < parsed.stat().st_mtime:
        shutil.copyfile(parsed, own)
    return folder


def newest_source(project: Path) -> float:
    """When something that the manifest is made from was changed last; a folder changes when a file in it is removed."""
    folders = [project / name for name in ("models", "macros", "seeds", "tests")]
    sources = [project / "dbt_project.yml", *folders, *(path for folder in folders for path in folder.rglob("*"))]
    return max(path.stat().st_mtime for path in sources)
