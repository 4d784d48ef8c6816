from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings

from services.common.messaging.messages import read
from services.contracts.registry import EVENTS, ContractError, parse
from tests.odd_messages import VALUES

TOPIC = "user-actions.v1"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(value=VALUES)
def test_whatever_the_bytes_a_message_is_what_the_contract_reads_or_has_its_reason(value):
    message, (reason, detail) = read(SimpleNamespace(topic=TOPIC, value=value))
    if message is None:
        with pytest.raises(ContractError) as refused:
            parse(TOPIC, value)
        assert (refused.value.reason, str(refused.value)) == (reason, detail)
        return
    event, payload = parse(TOPIC, value)
    assert (message.event_id, message.event_type) == (str(event.event_id), event.event_type)
    assert type(event).model_validate(event.model_dump() | {"timestamp": message.happened_at}) == event
    assert message.payload == payload
    assert EVENTS[message.event_type].payload.model_validate_json(message.data, by_name=False) == payload
