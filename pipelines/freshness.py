"""Freshness policies."""

from datetime import timedelta

import dagster as dg

EVERY_NIGHT = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))
"""Built by `refresh` every night: after a missed night Dagster warns, and fails by the afternoon."""
