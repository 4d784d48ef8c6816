"""All dbt models, tests and seeds as one set of assets and checks."""

import os
from collections.abc import Iterator
from typing import Any, Final

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from pipelines.dbt import FOLDER, succeeded, within_run
from pipelines.defs.transformation.lineage import ColumnLineage, with_columns
from pipelines.defs.transformation.project import prepared_project, work_folder
from pipelines.defs.transformation.translator import TableTranslator
from pipelines.recipe import Recipe

PROJECT = prepared_project()
BUILD = ["build", "--exclude-resource-type", "unit_test"]
"""Unit tests test the code, not the data: `make test` runs them."""
LINEAGE = FOLDER / "target" / "column_lineage.json"
RESULTS: Final = "run_results.json"


@dbt_assets(manifest=PROJECT.manifest_path, project=PROJECT, dagster_dbt_translator=TableTranslator())
def warehouse_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build what is selected: models what new events touch, tests as checks, columns with their lineage."""
    recipe = Recipe.of(FOLDER, PROJECT.manifest_path, os.environ, {})
    lineage = ColumnLineage(LINEAGE, recipe, {*warehouse_models.keys, *warehouse_models.dependency_keys})
    with within_run(recipe, f"Dagster's run {context.run.run_id}") as built:
        folder = work_folder(PROJECT, "build")
        (folder / RESULTS).unlink(missing_ok=True)  # those of the run before count for nothing
        invocation = dbt.cli(BUILD, context=context, target_path=folder)
        yield from lineage.kept(with_columns(invocation, with_lineage=not lineage.is_complete))
        built.update(succeeded(invocation.get_artifact(RESULTS)["results"]))
