from functools import partial

import pytest

from tests.services.conformance import served, violations


@pytest.mark.repeated
def test_the_api_does_what_its_document_says(settings, tokens, others, tmp_path, rounds):
    environment = {
        **tokens.environment_of("order"),
        "ORDER_DATABASE_URL": settings.database_url,
        "KAFKA_URL": settings.kafka_url,
        **{f"{name.upper()}_URL": url for name, url in others.items()},
    }
    caller = partial(tokens.user, "tester", roles=("operator",))
    with served("order", environment, tmp_path / "order.log") as url:
        assert violations(url, caller, cases=rounds(2_300)) == ""
