"""The dbt project, with a manifest that tells Dagster its models."""

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

from dagster_dbt import DbtCliResource, DbtProject

from pipelines.dbt import FOLDER, PROGRAM, dbt_variables

NOWHERE = "postgresql://tanawari_dbt@127.0.0.1:5432/warehouse"
"""Enough to look at the definitions with; a run needs the variable."""


def prepared_project() -> DbtProject:
    """The project with a manifest newer than every file it is made from.

    Several processes load the definitions at once when the stack starts: one of them parses (4 s), the others wait.
    """
    variables = dbt_variables(os.environ.get("WAREHOUSE_DBT_URL", NOWHERE))
    os.environ.update({"TANAWARI_SCHEMA_SUFFIX": "", **variables})  # as in a run: else dbt parses all anew
    target = Path("target") / variables["WAREHOUSE_DBT_DBNAME"]  # a manifest names the database that it is for
    project = DbtProject(project_dir=FOLDER, profiles_dir=FOLDER, target_path=target)
    manifest = project.manifest_path
    manifest.parent.mkdir(parents=True, exist_ok=True)
    with (manifest.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not manifest.exists() or manifest.stat().st_mtime < newest_source(FOLDER):
            with tempfile.TemporaryDirectory(dir=manifest.parent) as parsed:
                DbtCliResource(project_dir=project, dbt_executable=PROGRAM).cli(
                    ["parse", "--quiet"], target_path=Path(parsed)
                ).wait()
                (Path(parsed) / manifest.name).replace(manifest)
    return project


def work_folder(project: DbtProject, name: str) -> Path:
    """The target folder for a dbt command on the warehouse of `WAREHOUSE_DBT_URL`, in which dbt need not parse again.

    It is the same each time. `build` is used within a run, of which there is one at a time.
    """
    variables = dbt_variables(os.environ.get("WAREHOUSE_DBT_URL", NOWHERE))
    server = [variables[f"WAREHOUSE_DBT_{part}"] for part in ("HOST", "PORT", "USER")]  # another is parsed anew
    return project.manifest_path.parent / f"{name}-{hashlib.sha256(repr(server).encode()).hexdigest()[:12]}"


def newest_source(project: Path) -> float:
    """When something that the manifest is made from was changed last; a folder changes when a file in it is removed."""
    folders = [project / name for name in ("models", "macros", "seeds", "tests")]
    sources = [project / "dbt_project.yml", *folders, *(path for folder in folders for path in folder.rglob("*"))]
    return max(path.stat().st_mtime for path in sources)
