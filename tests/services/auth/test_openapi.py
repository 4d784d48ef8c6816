from tests.services.conformance import numbers_without_bound, served, violations


def test_the_api_does_what_its_document_says(settings, tokens, tmp_path, monkeypatch):
    monkeypatch.setenv("SCHEMATHESIS_HOOKS", "tests.services.ndjson_hooks")
    environment = {
        **tokens.environment_of("auth"),
        "AUTH_DATABASE_URL": settings.database_url,
        "AUTH_MAIL_FOLDER": str(tmp_path / "mails"),
        "KAFKA_URL": settings.kafka_url,
    }
    with served("auth", environment, tmp_path / "auth.log") as url:
        token = tokens.staff()
        assert violations(url, token) == ""
        assert numbers_without_bound(url, token) == []
