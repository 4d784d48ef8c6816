import pytest

from tests.services.conformance import numbers_without_bound, served, violations


@pytest.mark.repeated
def test_the_api_does_what_its_document_says(settings, tokens, tmp_path, rounds):
    environment = {
        **tokens.environment,
        "ANALYTICS_DATABASE_URL": settings.database_url,
        "KAFKA_URL": settings.kafka_url,
    }
    with served("analytics", environment, tmp_path / "analytics.log") as url:
        assert violations(url, tokens.staff, cases=rounds(2_300)) == ""
        assert numbers_without_bound(url, tokens.staff()) == []
