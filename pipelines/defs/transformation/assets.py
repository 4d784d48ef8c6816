"""All dbt models, tests and seeds as one set of assets and checks."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from pipelines.defs.transformation.project import prepared_project
from pipelines.defs.transformation.translator import TableTranslator

PROJECT = prepared_project()


@dbt_assets(manifest=PROJECT.manifest_path, project=PROJECT, dagster_dbt_translator=TableTranslator())
def warehouse_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build what is selected: models take only rows that are new, tests become checks, columns carry their lineage."""
    build = [
        "build",
        "--exclude-resource-type",
        "unit_test",
    ]  # those test the code, not the data: `make test` runs them
    yield from dbt.cli(build, context=context).stream().fetch_column_metadata()
