"""Which columns of the marts may hold personal data in plain words: those with the dbt tag `personal`."""

import json
from pathlib import Path

TAG = "personal"


def personal_columns(manifest: Path) -> set[str]:
    """The columns with the tag, as `schema.table.column`, from dbt's manifest."""
    nodes = json.loads(manifest.read_text())["nodes"].values()
    return {
        f"{node['schema']}.{node['name']}.{column['name']}"
        for node in nodes
        for column in node.get("columns", {}).values()
        if TAG in {*column["tags"], *column["config"]["tags"]}
    }
