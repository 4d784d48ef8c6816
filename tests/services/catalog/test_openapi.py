import pytest

from tests.services.conformance import numbers_without_bound, served, violations


@pytest.mark.repeated
def test_the_api_does_what_its_document_says(settings, tokens, tmp_path, monkeypatch, rounds):
    monkeypatch.setenv("SCHEMATHESIS_HOOKS", "tests.services.ndjson_hooks")
    environment = {
        **tokens.environment,
        "CATALOG_DATABASE_URL": settings.database_url,
        "CATALOG_IMAGES_FOLDER": str(tmp_path / "images"),
        "KAFKA_URL": settings.kafka_url,
    }
    with served("catalog", environment, tmp_path / "catalog.log") as url:
        assert violations(url, tokens.staff, cases=rounds(2_300)) == ""
        assert numbers_without_bound(url, tokens.staff()) == []
