from tests.services.conformance import served, violations
from tests.services.gateway.conftest import SERVICES

URLS = [f"{name.upper()}_URL" for name in SERVICES]


def test_the_api_does_what_its_document_says(tokens, nowhere, tmp_path):
    environment = {
        **tokens.environment_of("gateway"),
        **dict.fromkeys(URLS, nowhere),
    }
    with served("gateway", environment, tmp_path / "gateway.log") as url:
        assert violations(url, tokens.staff, examples=5) == ""
