from tests.services.conformance import numbers_without_bound, served, violations


def test_the_api_does_what_its_document_says(settings, tokens, tmp_path):
    environment = {
        **tokens.environment,
        "ANALYTICS_DATABASE_URL": settings.database_url,
        "KAFKA_URL": settings.kafka_url,
    }
    with served("analytics", environment, tmp_path / "analytics.log") as url:
        token = tokens.staff()
        assert violations(url, token) == ""
        assert numbers_without_bound(url, token) == []
