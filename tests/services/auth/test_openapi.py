import pytest

from tests.services.conformance import numbers_without_bound, served, violations


@pytest.mark.repeated
def test_the_api_does_what_its_document_says(settings, tokens, tmp_path, monkeypatch, rounds):
    monkeypatch.setenv("SCHEMATHESIS_HOOKS", "tests.services.ndjson_hooks")
    environment = {
        **tokens.environment_of("auth"),
        "AUTH_DATABASE_URL": settings.database_url,
        "AUTH_MAIL_FOLDER": str(tmp_path / "mails"),
        "KAFKA_URL": settings.kafka_url,
    }
    with served("auth", environment, tmp_path / "auth.log") as url:
        assert violations(url, tokens.staff, cases=rounds(2_300)) == ""
        assert numbers_without_bound(url, tokens.staff()) == []
