from functools import partial

import pytest

from tests.services.conformance import served, violations


@pytest.mark.repeated
def test_the_api_does_what_its_document_says(settings, tokens, tmp_path, rounds):
    environment = {
        **tokens.environment_of("cart"),
        "CART_DATABASE_URL": settings.database_url,
        "KAFKA_URL": settings.kafka_url,
        "CATALOG_URL": settings.catalog_url,
    }
    caller = partial(tokens.user, "tester", roles=("operator",))
    with served("cart", environment, tmp_path / "cart.log") as url:
        assert violations(url, caller, cases=rounds(2_300)) == ""
