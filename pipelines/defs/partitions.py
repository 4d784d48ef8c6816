"""The daily partitions of training cuts and extracts."""

from datetime import UTC, date, datetime

import dagster as dg

from pipelines.settings import settings

days = dg.DailyPartitionsDefinition(
    start_date=settings().tanawari_first_day.isoformat(),
    timezone=settings().tanawari_timezone,
    end_offset=1,  # today is included: its cut is now
)


def today() -> str:
    """The key of the shop's current day."""
    return day_of(datetime.now(UTC))


def day_of(moment: datetime) -> str:
    """The key of the shop's day at a given time."""
    return moment.astimezone(settings().timezone).date().isoformat()


def cut_of(day: str) -> datetime:
    """The cut of a day: its end; for today, now (UTC)."""
    return min(settings().end_of_day(date.fromisoformat(day)).astimezone(UTC), datetime.now(UTC))
