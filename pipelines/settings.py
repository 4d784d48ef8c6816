"""Settings of the pipelines, from the environment."""

from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from services.contracts import settings as contracts


class Settings(contracts.Settings):
    """Variables of docs/configuration.md, except addresses and secrets, which Dagster resolves per run."""

    tanawari_state: Path = Path(".tanawari")
    tanawari_bundles: Path | None = None
    tanawari_extracts: Path | None = None
    tanawari_timezone: str = "UTC"
    tanawari_first_day: date = date(2025, 1, 1)
    tanawari_evaluation_test_start: AwareDatetime | None = None
    tanawari_alert_webhook: str = ""
    tanawari_nightly_refresh: bool = True
    tanawari_run_wait_minutes: float = Field(10, ge=0)

    @property
    def bundles(self) -> Path:
        """The bundles directory; its `champion.json` names the bundle to serve."""
        return self.tanawari_bundles or self.tanawari_state / "bundles"

    @property
    def extracts(self) -> Path:
        """The directory of DuckDB extracts."""
        return self.tanawari_extracts or self.tanawari_state / "extracts"

    @property
    def dbt_docs(self) -> Path:
        """The directory of the dbt docs."""
        return self.tanawari_state / "dbt-docs"

    @property
    def training(self) -> Path:
        """The directory of training sets and reports, with one directory per day."""
        return self.tanawari_state / "training"

    @property
    def timezone(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.tanawari_timezone)

    def end_of_day(self, day: date) -> datetime:
        """The end of a day of the shop."""
        following = day + timedelta(days=1)
        return datetime(following.year, following.month, following.day, tzinfo=self.timezone)


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
