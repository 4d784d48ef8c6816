"""Encodes events for producers, and validates them first, because an invalid event would stay on its topic."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.contracts.envelope import Event
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


def _is_plain(kind: EventType, data: Mapping[str, Any], value: bytes) -> bool:
    """Whether the struct accepts the payload, which takes a tenth of the time of the model."""
    try:
        msgspec.convert(data, struct_for(kind.topic, kind.name))
    except (msgspec.ValidationError, KeyError):
        return False
    return b"\\u0000" not in value
