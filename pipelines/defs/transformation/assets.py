"""All dbt models, tests and seeds as one set of assets and checks."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

from pipelines.defs.transformation.translator import TableTranslator, dbt_variables

ROOT = Path(__file__).parents[3]
DBT = str(Path(sys.executable).with_name("dbt"))


def prepared_project() -> DbtProject:
    """The dbt project with a manifest that is newer than every file it was made from."""
    os.environ.update(dbt_variables(os.environ.get("WAREHOUSE_DBT_URL", "")))
    project = DbtProject(project_dir=ROOT / "dbt", profiles_dir=ROOT / "dbt")
    sources = (path for folder in ("models", "macros", "seeds") for path in (ROOT / "dbt" / folder).rglob("*.*"))
    newest = max(path.stat().st_mtime for path in (*sources, ROOT / "dbt" / "dbt_project.yml"))
    if not project.manifest_path.exists() or project.manifest_path.stat().st_mtime < newest:
        DbtCliResource(project_dir=project, dbt_executable=DBT).cli(
            ["parse", "--quiet"], target_path=project.project_dir / project.target_path
        ).wait()
    return project


PROJECT = prepared_project()


@dbt_assets(manifest=PROJECT.manifest_path, project=PROJECT, dagster_dbt_translator=TableTranslator())
def warehouse_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build what is selected: models take only rows that are new, tests become checks, columns carry their lineage."""
    yield from dbt.cli(["build"], context=context).stream().fetch_column_metadata()
