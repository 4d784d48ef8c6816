"""What a producer sends of an event: what is once on a topic stays there, so that it is read before as readers will."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.contracts.envelope import Event
from services.contracts.fast_reader import STRUCTS
from services.contracts.registry import EVENTS, UNKNOWN_TYPE, ContractError, EventType, parse
from services.contracts.topics import TOPICS, Topic


def outgoing(event: Event) -> tuple[Topic, str, bytes]:
    """The topic of an event, its key there, and its bytes.

    Raises:
        ContractError: its payload is not what its type says, or no reader could read it.
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
    """Whether a payload is as most are, which takes a tenth of the time to see."""
    try:
        msgspec.convert(data, STRUCTS[kind.topic, kind.name])
    except (msgspec.ValidationError, KeyError):
        return False
    return b"\\u0000" not in value
