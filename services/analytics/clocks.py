"""When an action happened: by its sender's clock, which may be wrong, held against ours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from services.analytics.refusals import Reason, RefusedError
from services.contracts.events.actions import MAX_CLOCK_OFFSET

CLOCK_SKEW: Final = timedelta(minutes=5)
OLDEST_FROM_BROWSER: Final = timedelta(days=7)


@dataclass(frozen=True)
class Clocks:
    """When a batch came, and the seconds to add to what its sender's clock told."""

    received_at: datetime
    offset: int = 0

    @classmethod
    def of(cls, received_at: datetime, sent_at: datetime | None) -> Self:
        """By what the sender's clock told when it sent the batch.

        The offset is a whole number of minutes, so that the way here (seconds) is not taken for it, and an action sent
        again bears the same time. One of more than a day is no clock's: the batch was kept, and not stamped anew.
        """
        if sent_at is None:
            return cls(received_at)
        offset = 60 * round((received_at - sent_at).total_seconds() / 60)
        return cls(received_at, offset if abs(offset) <= MAX_CLOCK_OFFSET else 0)

    def happened_at(self, told: datetime | None, *, is_trusted: bool) -> datetime:
        """When an action happened whose sender's clock told `told`; when it came, if it told none.

        Raises:
            RefusedError: it lies in the future, or too far in the past for one who is not trusted.
        """
        if told is None:
            return self.received_at
        happened_at = told + timedelta(seconds=self.offset) if self.offset else told
        if happened_at > self.received_at + CLOCK_SKEW:
            raise RefusedError.of(Reason.IN_THE_FUTURE, "timestamp", "lies in the future")
        if happened_at < self.received_at - OLDEST_FROM_BROWSER and not is_trusted:
            raise RefusedError.of(Reason.TOO_OLD, "timestamp", f"is more than {OLDEST_FROM_BROWSER.days} days ago")
        return min(happened_at.astimezone(UTC), self.received_at)
