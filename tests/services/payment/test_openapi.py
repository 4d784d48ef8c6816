from tests.services.conformance import served, violations


def test_the_api_does_what_its_document_says(settings, tokens, tmp_path):
    environment = {
        **tokens.environment,
        "PAYMENT_DATABASE_URL": settings.database_url,
        "PAYMENT_KEYS_FILE": str(settings.keys_file),
        "PAYMENT_LOCAL_PASSWORD": "local-secret",
        "KAFKA_URL": settings.kafka_url,
    }
    with served("payment", environment, tmp_path / "payment.log") as url:
        assert violations(url, tokens.service("order", "payment")) == ""
