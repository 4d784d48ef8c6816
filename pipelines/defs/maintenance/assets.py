"""Cleanup of training files."""

import dagster as dg

from ml.bundle.bundle import Champion
from pipelines.housekeeping import drop_old_bundles, drop_old_days
from pipelines.settings import settings


@dg.asset(key=["maintenance", "disk"], group_name="maintenance", deps=[["content", "top_page_display"]])
def disk() -> dg.MaterializeResult[None]:
    """The kept bundles, training sets and reports; older ones are deleted, in MLflow's store as well."""
    champion = Champion.read(settings().bundles)
    bundles = drop_old_bundles(settings().bundles, champion) if champion else []
    dropped = {"bundles": bundles, "days": drop_old_days(settings().training)}
    return dg.MaterializeResult(metadata={"dropped": dg.MetadataValue.json(dropped)})
