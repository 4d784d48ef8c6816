import pytest

from stack.catch_up import one_log
from stack.parts.process import PartError


def test_what_was_sent_to_a_broker_that_lost_its_log_meanwhile_counts_as_not_sent(fresh_broker, request, warehouse):
    """Apache Kafka keeps its log."""
    variables = {"KAFKA_URL": fresh_broker.url, "WAREHOUSE_LOADER_URL": warehouse.loader}

    def send():
        with one_log(variables):
            fresh_broker.kill()
            fresh_broker.start()

    if request.node.callspec.params["fresh_broker"] == "apache":
        send()
    else:
        with pytest.raises(PartError, match="has lost what had not landed: run the same command again"):
            send()
