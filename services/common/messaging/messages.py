"""Messages for consumers: decoded by contract, or turned into a dead letter.

Most are decoded with structs; only a handler that accesses `payload` pays for its model.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from uuid import NAMESPACE_URL, uuid5

import msgspec
from aiokafka import ConsumerRecord

from services.contracts.envelope import Contract, Event
from services.contracts.events.dead_letters import DeadLetter
from services.contracts.fast_reader import read_fast
from services.contracts.registry import EVENTS, ContractError, parse, read_payload


@dataclass
class Message:
    """One decoded message: its envelope fields as text, and its payload."""

    event_id: str
    event_type: str
    happened_at: str
    record: ConsumerRecord
    content: msgspec.Struct | Contract
    """The payload as decoded."""
    traceparent: str | None = None
    """The producer's span."""

    @property
    def data(self) -> str:
        """The payload as a JSON object with the contract's fields; absent fields may be omitted."""
        if isinstance(self.content, msgspec.Struct):
            return msgspec.json.encode(self.content).decode()
        return self.content.model_dump_json(by_alias=True)

    @cached_property
    def payload(self) -> Contract:
        """The payload as the model that the event's type names."""
        if isinstance(self.content, Contract):
            return self.content
        return read_payload(EVENTS[self.event_type], self.record.value)


def read(record: ConsumerRecord) -> tuple[Message | None, tuple[str, str]]:
    """The message of a record, or None with the reason and detail of the contract violation."""
    value = record.value or b""
    if (quick := read_fast(record.topic, value)) is not None:
        seen, content = quick
        message = Message(seen.event_id, seen.event_type, seen.timestamp, record, content, seen.traceparent)
        return message, ("", "")
    try:
        event, payload = parse(record.topic, value)
    except ContractError as error:
        return None, (error.reason, str(error))
    happened_at = event.timestamp.isoformat()
    message = Message(str(event.event_id), event.event_type, happened_at, record, payload, event.traceparent)
    return message, ("", "")


def dead_letter(
    record: ConsumerRecord, *, consumer: str, reason: str, detail: str, has_bytes: bool = True
) -> tuple[bytes, str]:
    """The dead letter of a record and its key, with or without the bytes; repeated, it has the same event id."""
    position = f"{record.topic}/{record.partition}/{record.offset}"
    letter = DeadLetter(
        consumer=consumer,
        reason=reason,
        detail=detail[:2_000],
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=base64.b64encode(record.key).decode() if has_bytes and record.key is not None else None,
        value=base64.b64encode(record.value).decode() if has_bytes and record.value is not None else None,
        failed_at=datetime.now(UTC),
    )
    identifier = uuid5(NAMESPACE_URL, f"{consumer}/{position}/{record.timestamp}")
    event = Event.of("DEAD_LETTER", letter, producer=consumer, event_id=identifier)
    return event.to_bytes(), position
