from tests.services.conformance import served, violations


def test_the_api_does_what_its_document_says(tokens, nowhere, tmp_path):
    environment = {
        **tokens.environment,
        **dict.fromkeys(("CATALOG_URL", "ANALYTICS_URL", "CONTENT_URL", "SERVING_URL"), nowhere),
    }
    with served("gateway", environment, tmp_path / "gateway.log") as url:
        assert violations(url, tokens.staff(), examples=5) == ""
