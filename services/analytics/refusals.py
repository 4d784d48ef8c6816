"""Refused actions: each is counted by its reason, and some are kept as dead letters for inspection.

The response tells the sender, who may ignore it. Anyone may send, so the number of kept ones is limited.
"""

import base64
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Self

from prometheus_client import Counter

from services.common.messaging.producer import KeyedMessage
from services.common.runtime.errors import Fault, Unavailable
from services.contracts.card_numbers import has_card_number
from services.contracts.envelope import Event
from services.contracts.events.dead_letters import DeadLetter

CONSUMER: Final = "analytics.collector"
KEPT_A_MINUTE: Final = 60
KEPT_BYTES: Final = 4_096
KEPT: Final[deque[float]] = deque(maxlen=KEPT_A_MINUTE)
"""The times of the last kept ones."""

REFUSED = Counter("tanawari_actions_refused", "Actions that the collector refused.", ["reason"])


class Reason(StrEnum):
    """Why an action is refused: the label of the metric, and the reason of the dead letter."""

    MALFORMED = "MALFORMED"
    FOREIGN_TYPE = "FOREIGN_TYPE"
    FOREIGN_USER = "FOREIGN_USER"
    IN_THE_FUTURE = "IN_THE_FUTURE"
    TOO_OLD = "TOO_OLD"
    CONFLICT = "CONFLICT"
    UNKNOWN_NAME = "UNKNOWN_NAME"
    CARD_NUMBER = "CARD_NUMBER"


class RefusedError(Exception):
    """Why one action is refused, and which of its fields are at fault."""

    def __init__(self, reason: Reason, faults: Sequence[Fault]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.faults = faults

    @classmethod
    def of(cls, reason: Reason, field: str, message: str) -> Self:
        """A refusal because of one field."""
        return cls(reason, [Fault(field=field, message=message)])


class CollectorUnavailable(Unavailable):
    """The broker did not acknowledge every action: send the batch again unchanged."""


def _text_of(faults: Sequence[Fault]) -> str:
    """Faults as a text that fits in a dead letter; field names are the sender's."""
    told = "; ".join(f"{fault.field or 'action'}: {fault.message}" for fault in faults)
    return told.replace("\0", "\N{REPLACEMENT CHARACTER}")[:2_000]


def dead_letter_of(topic: str, refused: RefusedError, action: bytes) -> KeyedMessage | None:
    """Count a refused action; returns its dead letter (position 0: it was never on the topic) below the limit."""
    REFUSED.labels(refused.reason).inc()
    now = time.monotonic()
    if len(KEPT) == KEPT_A_MINUTE and now < KEPT[0] + 60:
        return None
    KEPT.append(now)
    letter = DeadLetter(
        consumer=CONSUMER,
        reason=refused.reason,
        detail=_text_of(refused.faults),
        topic=topic,
        partition=0,
        offset=0,
        value=base64.b64encode(action).decode() if _is_fit_to_keep(action) else None,
        failed_at=datetime.now(UTC),
    )
    return CONSUMER, Event.of("DEAD_LETTER", letter, producer=CONSUMER).to_bytes()


def _is_fit_to_keep(action: bytes) -> bool:
    return len(action) <= KEPT_BYTES and not has_card_number(action.decode(errors="replace"))
