"""Where the pipelines find the other parts, and the shop's own choices: from the environment."""

from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from services.contracts import settings as contracts


class Settings(contracts.Settings):
    """Variables of docs/configuration.md that are no address or secret: those are Dagster's to resolve, run by run."""

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
        """The folder of bundles; `champion.json` in it names the one to serve."""
        return self.tanawari_bundles or self.tanawari_state / "bundles"

    @property
    def extracts(self) -> Path:
        """The folder of DuckDB extracts."""
        return self.tanawari_extracts or self.tanawari_state / "extracts"

    @property
    def dbt_docs(self) -> Path:
        """The folder of the dbt documentation."""
        return self.tanawari_state / "dbt-docs"

    @property
    def training(self) -> Path:
        """The folder of training sets and reports, one folder a day."""
        return self.tanawari_state / "training"

    @property
    def timezone(self) -> ZoneInfo:
        """The zone in which the shop's days begin."""
        return ZoneInfo(self.tanawari_timezone)

    def end_of_day(self, day: date) -> datetime:
        """The moment at which a day of the shop's ends."""
        following = day + timedelta(days=1)
        return datetime(following.year, following.month, following.day, tzinfo=self.timezone)


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
