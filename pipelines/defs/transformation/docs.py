"""The dbt docs."""

import shutil

import dagster as dg

from pipelines.dbt import invoke
from pipelines.defs.transformation.assets import PROJECT
from pipelines.defs.transformation.project import work_folder
from pipelines.settings import settings

PAGE = "index.html"


@dg.asset(
    key=["docs", "dbt"],
    group_name="transformation",
    kinds={"dbt"},
    deps=[["core", "orders"], ["recommendation", "interactions"]],
)
def dbt_docs() -> dg.MaterializeResult[None]:
    """One self-contained page that describes every model and column and shows the lineage."""
    folder = settings().dbt_docs
    folder.mkdir(parents=True, exist_ok=True)
    target = work_folder(PROJECT, "docs")
    # in this process, which has imported dbt; a process of its own takes twice the time
    done = invoke(["docs", "generate", "--static", "--target-path", str(target), "--log-path", str(target)])
    if not done.success:
        raise dg.Failure(f"dbt failed, the page is as it was: {done.exception or 'see its output'}")
    page = folder / PAGE
    fresh = page.with_name(f".{PAGE}")
    shutil.copyfile(target / "static_index.html", fresh)
    fresh.replace(page)
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(page)})
