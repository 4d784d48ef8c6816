"""The time of an action, by its sender's clock, corrected with ours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from services.analytics.refusals import Reason, RefusedError
from services.contracts.events.actions import MAX_CLOCK_OFFSET

CLOCK_SKEW: Final = timedelta(minutes=5)
OLDEST_FROM_BROWSER: Final = timedelta(days=7)


@dataclass(frozen=True)
class Clocks:
    """The arrival of a batch, and the seconds to add to its sender's times."""

    received_at: datetime
    offset: int = 0

    @classmethod
    def of(cls, received_at: datetime, sent_at: datetime | None) -> Self:
        """Compute the offset from the sender's clock at the time of sending.

        The offset is in whole minutes, so that network delay does not count, and an action sent again has the same
        time. An offset of more than a day is not a clock error: the batch was stored without a new `sentAt`.
        """
        if sent_at is None:
            return cls(received_at)
        offset = 60 * round((received_at - sent_at).total_seconds() / 60)
        return cls(received_at, offset if abs(offset) <= MAX_CLOCK_OFFSET else 0)

    def happened_at(self, told: datetime | None, *, is_trusted: bool) -> datetime:
        """The corrected time of an action with the sender's time `told`; without one, the arrival.

        Raises:
            RefusedError: it is in the future, or too far in the past for an untrusted sender.
        """
        if told is None:
            return self.received_at
        happened_at = told + timedelta(seconds=self.offset) if self.offset else told
        if happened_at > self.received_at + CLOCK_SKEW:
            raise RefusedError.of(Reason.IN_THE_FUTURE, "timestamp", "lies in the future")
        if happened_at < self.received_at - OLDEST_FROM_BROWSER and not is_trusted:
            raise RefusedError.of(Reason.TOO_OLD, "timestamp", f"is more than {OLDEST_FROM_BROWSER.days} days ago")
        return min(happened_at.astimezone(UTC), self.received_at)
