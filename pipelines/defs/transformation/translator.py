"""How a dbt resource is called in Dagster: by the schema and table that it makes or reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from pipelines.freshness import EVERY_NIGHT


class TableTranslator(DagsterDbtTranslator):
    """Keys are `[schema, table]`, so that dbt's sources are the landing's assets; groups are the layers' folders."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`[schema, table]` of the relation."""
        table = dbt_resource_props.get("identifier") or dbt_resource_props.get("alias") or dbt_resource_props["name"]
        return dg.AssetKey([dbt_resource_props["schema"], table])

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """What Dagster knows of the relation by itself, and how old it may become."""
        return super().get_asset_spec(manifest, unique_id, project).replace_attributes(freshness_policy=EVERY_NIGHT)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The layer; for a mart its subject."""
        folders = Path(dbt_resource_props["original_file_path"]).parts
        return {"seeds": "intermediate"}.get(folders[0], folders[2] if folders[1] == "marts" else folders[1])
