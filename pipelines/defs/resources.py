"""The resources of assets, each configured by environment variables."""

import dagster as dg

from pipelines.content import Content
from pipelines.defs.transformation.assets import PROJECT
from pipelines.defs.transformation.project import Dbt
from pipelines.warehouse import Warehouse


@dg.definitions
def resources() -> dg.Definitions:
    """Values are resolved when a run starts, so that definitions contain no secrets."""
    return dg.Definitions(
        resources={
            "dbt": Dbt.of(PROJECT),
            "warehouse": Warehouse(url=dg.EnvVar("WAREHOUSE_PIPELINES_URL")),
            "content": Content(
                url=dg.EnvVar("CONTENT_URL"),
                signing_key_file=dg.EnvVar("AUTH_SIGNING_KEY_FILE"),
                issuer=dg.EnvVar("AUTH_ISSUER"),
            ),
        }
    )
