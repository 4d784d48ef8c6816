import pytest

from tests.services.conformance import numbers_without_bound, served, violations
from tests.serving.conftest import put_bundle


@pytest.mark.repeated
def test_the_api_does_what_its_document_says(broker, tokens, tmp_path, rounds):
    broker.create_topics()
    put_bundle(tmp_path / "bundles", "b1")
    environment = {
        **tokens.environment,
        "KAFKA_URL": broker.url,
        "TANAWARI_BUNDLES": str(tmp_path / "bundles"),
        "CONTENT_URL": "http://127.0.0.1:9",
    }
    with served("serving", environment, tmp_path / "serving.log") as url:
        assert violations(url, tokens.staff, cases=rounds(2_300)) == ""
        assert numbers_without_bound(url, tokens.user("1")) == []
