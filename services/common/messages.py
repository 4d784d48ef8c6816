"""Messages as consumers see them: read by contract, or made into a dead letter.

A `Message` is an event with its typed payload and the record it came in.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from aiokafka import ConsumerRecord

from services.contracts.envelope import Contract, Envelope, Event
from services.contracts.events.dead_letters import DeadLetter
from services.contracts.registry import ContractError, parse


@dataclass(frozen=True)
class Message:
    """One readable message: `payload` is the model that the event's type names."""

    event: Envelope
    payload: Contract
    record: ConsumerRecord


def read(record: ConsumerRecord) -> tuple[Message | None, tuple[str, str]]:
    """The message in a record, or None with the reason and detail of why it breaks the contract."""
    try:
        event, payload = parse(record.topic, record.value or b"")
    except ContractError as error:
        return None, (error.reason, str(error))
    return Message(event, payload, record), ("", "")


def dead_letter(record: ConsumerRecord, *, consumer: str, reason: str, detail: str) -> tuple[bytes, str]:
    """The dead letter of a record and its key; giving up a record twice gives one event id."""
    position = f"{record.topic}/{record.partition}/{record.offset}"
    letter = DeadLetter(
        consumer=consumer,
        reason=reason,
        detail=detail[:2_000],
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=base64.b64encode(record.key).decode() if record.key is not None else None,
        value=base64.b64encode(record.value).decode() if record.value is not None else None,
        failed_at=datetime.now(UTC),
    )
    identifier = uuid5(NAMESPACE_URL, f"{consumer}/{position}/{record.timestamp}")
    event = Event.of("DEAD_LETTER", letter, producer=consumer, event_id=identifier)
    return event.to_bytes(), position
