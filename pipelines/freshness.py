"""How old what people and shoppers see may become."""

from datetime import timedelta

import dagster as dg

EVERY_NIGHT = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))
"""Made by `refresh` every night: where a night is missed, Dagster warns, and by the afternoon fails."""
