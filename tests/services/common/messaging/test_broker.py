import pytest

from services.common.messaging import broker
from services.common.messaging.broker import LogWatch
from services.contracts.kafka import VOLATILE, KafkaSettings


@pytest.mark.parametrize(("log_id", "is_asked"), [(f"{VOLATILE}1", True), ("5L6g3nShT-eMCtK--X86sw", False)])
async def test_only_the_embedded_broker_is_asked_again_which_log_it_holds(log_id, is_asked, monkeypatch, caplog):
    monkeypatch.setattr(broker, "CHECK_SECONDS", 0)
    await LogWatch(KafkaSettings(kafka_url="127.0.0.1:1"), log_id).check()
    assert ("the broker is unavailable" in caplog.text) is is_asked
