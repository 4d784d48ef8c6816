from functools import partial

import pytest

from tests.services.conformance import served, violations


@pytest.mark.repeated
def test_the_api_does_what_its_document_says(settings, tokens, tmp_path, rounds):
    environment = {
        **tokens.environment,
        "PAYMENT_DATABASE_URL": settings.database_url,
        "PAYMENT_KEYS_FILE": str(settings.keys_file),
        "PAYMENT_LOCAL_PASSWORD": "local-secret",
        "KAFKA_URL": settings.kafka_url,
    }
    caller = partial(tokens.service, "order", "payment")
    with served("payment", environment, tmp_path / "payment.log") as url:
        assert violations(url, caller, cases=rounds(2_300)) == ""
