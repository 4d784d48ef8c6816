"""What `dagster dev -w workspace.yaml` loads: everything in `defs/`."""

import gc
import os
from pathlib import Path

import dagster as dg

from services.contracts.settings import resolve


@dg.definitions
def definitions() -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources."""
    gc.set_threshold(20_000, 20, 20)  # what is imported is no garbage: looking through it takes a tenth of the time
    resolve(os.environ)  # read by Dagster and dbt
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
