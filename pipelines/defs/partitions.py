"""The days for which a training cut or an extract can be made again."""

from datetime import UTC, date, datetime

import dagster as dg

from pipelines.settings import settings

days = dg.DailyPartitionsDefinition(
    start_date=settings().tanawari_first_day.isoformat(),
    timezone=settings().tanawari_timezone,
    end_offset=1,  # today counts: its cut is the present moment
)


def today() -> str:
    """The key of the day that is running in the shop."""
    return day_of(datetime.now(UTC))


def day_of(moment: datetime) -> str:
    """The key of the shop's day in which a moment lies."""
    return moment.astimezone(settings().timezone).date().isoformat()


def cut_of(day: str) -> datetime:
    """What was known by the end of that day; for today, what is known now (UTC)."""
    return min(settings().end_of_day(date.fromisoformat(day)).astimezone(UTC), datetime.now(UTC))
