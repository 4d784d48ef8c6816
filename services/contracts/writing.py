"""Encodes events for producers, and validates them first, because an invalid event would stay on its topic."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from services.contracts.envelope import Contract, Event, message_of, new_event_id_text, payload_of
from services.contracts.fast_reader import struct_for
from services.contracts.registry import EVENTS, UNKNOWN_TYPE, ContractError, EventType, parse
from services.contracts.topics import TOPICS, Topic


def outgoing(event: Event) -> tuple[Topic, str, bytes]:
    """The topic of an event, its key, and its bytes.

    Raises:
        ContractError: its payload does not match its type, or no reader could decode it.
    """
    kind = EVENTS.get(event.event_type)
    if kind is None:
        raise ContractError(UNKNOWN_TYPE, f"no topic carries {event.event_type}")
    value = event.to_bytes()
    if not _is_plain(kind, event.data, value):
        parse(kind.topic, value)
        fields = {field.alias for field in kind.payload.model_fields.values()}
        if others := sorted(event.data.keys() - fields):
            raise ContractError("BAD_PAYLOAD", f"{event.event_type} has no {', '.join(others)}")
    topic = TOPICS[kind.topic]
    return topic, topic.key.of(event.data), value


def outgoing_payload(
    event_type: str, data: Contract, *, producer: str, timestamp: datetime, traceparent: str | None = None
) -> tuple[str, Topic, str, bytes]:
    """The new id, the topic, the key and the bytes of an event of this payload, in half the time of an `Event`.

    Raises:
        ContractError: see `outgoing`.
    """
    kind = EVENTS.get(event_type)
    if kind is not None and (struct := _struct_of(kind, payload := payload_of(data))) is not None:
        event_id = new_event_id_text()
        value = message_of(
            event_type, struct, producer=producer, event_id=event_id, timestamp=timestamp, traceparent=traceparent
        )
        if b"\\u0000" not in value:
            topic = TOPICS[kind.topic]
            return event_id, topic, topic.key.of(payload), value
    event = Event.of(event_type, data, producer=producer, timestamp=timestamp, traceparent=traceparent)
    return str(event.event_id), *outgoing(event)


def _is_plain(kind: EventType, data: Mapping[str, Any], value: bytes) -> bool:
    """Whether the struct accepts the payload, which takes a tenth of the time of the model."""
    return _struct_of(kind, data) is not None and b"\\u0000" not in value


def _struct_of(kind: EventType, data: Mapping[str, Any]) -> msgspec.Struct | None:
    try:
        return msgspec.convert(data, struct_for(kind.topic, kind.name))
    except (msgspec.ValidationError, KeyError):
        return None
