"""What a producer sends of an event: what is once on a topic stays there, so that it is read before as readers will."""

from services.contracts.envelope import Event
from services.contracts.quick import read_quickly
from services.contracts.registry import EVENTS, UNKNOWN_TYPE, ContractError, parse
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
    if read_quickly(kind.topic, value) is None:
        parse(kind.topic, value)
        fields = {field.alias for field in kind.payload.model_fields.values()}
        if others := sorted(event.data.keys() - fields):
            raise ContractError("BAD_PAYLOAD", f"{event.event_type} has no {', '.join(others)}")
    topic = TOPICS[kind.topic]
    return topic, topic.key.of(event.data), value
